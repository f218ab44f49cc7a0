"""Verbs about the broker: devices beyond the box, each by a certificate of its own."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.answers import Config, Json, refuse, tell, usable

if TYPE_CHECKING:
    from gateway.mosquitto.devices import Device, Place
    from gateway.settings import LodgeSettings

app = typer.Typer(no_args_is_help=True, help="Devices beyond the box, at its broker.")
CONFIG = Path("lodge.toml")
AGAIN = "Start the broker again, or have it read its files anew (SIGHUP)."
# What a broker takes to read its rules anew.
READS_WITHIN = 0.5


@contextmanager
def _at(config: Path) -> "Iterator[tuple[LodgeSettings, Place]]":
    """Find the broker's files; say in one line what is unfit."""
    from gateway.mosquitto.devices import DeviceUnfit  # noqa: PLC0415 - as each verb
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.broker import place_of  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        place = place_of(settings)
        if not place.rules.exists():
            raise refuse(f"{place.folder}: no broker of `lodge init` is there")
        try:
            yield settings, place
        except DeviceUnfit as error:
            raise refuse(str(error)) from error


def _in_force(settings: "LodgeSettings", place: "Place", then: str) -> bool:
    """Have the broker read its rules, and try them; say whether it runs.

    Raises DeviceUnfit where it does not keep to them, with what is so `then`.
    """
    from aiomqtt import MqttError  # noqa: PLC0415

    from firmware_bridge.links.probing import faults  # noqa: PLC0415
    from gateway.mosquitto.devices import DeviceUnfit, reload  # noqa: PLC0415
    from gateway.wiring.broker import account_of  # noqa: PLC0415

    if not reload(place):
        return False
    doctor, probe = account_of(settings, "doctor"), account_of(settings, "probe")
    if doctor is None or probe is None:
        return True

    async def tried() -> list[str]:
        await asyncio.sleep(READS_WITHIN)
        return await faults(doctor, probe, place.base)

    try:
        found = asyncio.run(tried())
    except (MqttError, OSError, TimeoutError) as error:
        raise DeviceUnfit(f"the broker does not answer; {then}") from error
    if found:
        raise DeviceUnfit(f"the broker's rules fail, {found[0]}; {then}")
    return True


@app.command("listen")
def listen(
    host: Annotated[str, typer.Argument(help="Address by which devices know the box.")],
    port: Annotated[int, typer.Option(help="Port for MQTT over TLS.")] = 8883,
    config: Config = CONFIG,
    *,
    moved: Annotated[
        bool, typer.Option("--moved", help="The box has another address now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let devices on the network speak to the broker, by certificate alone."""
    from gateway.mosquitto.devices import move, open_beyond  # noqa: PLC0415
    from porch.authority import authority  # noqa: PLC0415

    with _at(config) as (settings, place):
        sealing = authority(settings.master(), "devices")
        if moved:
            move(place, host, sealing.unseal)
        else:
            open_beyond(place, host, port, sealing.seal)

    def text() -> str:
        if moved:
            return f"Devices know the broker at {host} once it is started again."
        return (
            f"Devices may speak to {host}:{port} once they have a certificate.\n"
            f"Write `devices_port = {port}` under [broker] in {config}, and start the "
            "broker again.\nNext: lodge broker device NAME --kind KIND"
        )

    tell({"host": host, "port": port}, as_json=as_json, text=text)


@app.command("device")
def device(
    name: Annotated[str, typer.Argument(help="The device, by its topics' prefix.")],
    kind: Annotated[
        str,
        typer.Option(
            help="tasmota, esphome, zigbee2mqtt, homeassistant, frigate or other."
        ),
    ] = "other",
    topic: Annotated[
        list[str] | None,
        typer.Option(help="Further rules, as `write door/state`; may be repeated."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for its certificate and key.")
    ] = Path(),
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Let a device in: make its certificate and key, and its rules."""
    from gateway.mosquitto import devices  # noqa: PLC0415
    from porch.authority import authority  # noqa: PLC0415

    with _at(config) as (settings, place):
        unseal = authority(settings.master(), "devices").unseal
        with devices.changing(place):
            made = devices.planned(place, name, kind, topic or ())
            with _given(place, made, out, devices.issue(place, made, unseal)) as files:
                devices.let_in(place, made)
                read = _in_force(settings, place, "nothing was changed")

    def text() -> str:
        lines = [
            f"Made {files[0]} and {files[1]}; it knows the broker by {files[2]}.",
            "Put the three into the device, then delete the key: nobody else has it.",
            *(f"  {rule}" for rule in made.rules),
        ]
        return "\n".join([*lines, *([] if read else [AGAIN])])

    told = {
        "name": name,
        "certificate": str(files[0]),
        "key": str(files[1]),
        "authority": str(files[2]),
        "rules": made.rules,
        "in_force": read,
    }
    tell(told, as_json=as_json, text=text)


@contextmanager
def _given(
    place: "Place", device: "Device", out: Path, issued: tuple[bytes, bytes]
) -> Iterator[list[Path]]:
    """Write what a device is given, before it is let in; nothing where that fails."""
    certificate, key = issued
    told = {
        f"{device.name}.pem": certificate,
        f"{device.name}.key": key,
        f"{device.name}-ca.pem": (place.keys / "devices.pem").read_bytes(),
    }
    out.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    try:
        for name, raw in told.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            handle = os.open(out / name, flags, 0o600)
            made.append(out / name)
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
        yield made
    except BaseException:
        for each in made:
            each.unlink(missing_ok=True)
        raise


@app.command("ls")
def list_devices(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the devices that are let in, and what each may say and hear."""
    from dataclasses import asdict  # noqa: PLC0415

    from gateway.mosquitto.devices import devices  # noqa: PLC0415

    with _at(config) as (_, place):
        found = devices(place)

    def text() -> str:
        lines = [f"{each.name}\t{each.kind}\t{', '.join(each.rules)}" for each in found]
        return "\n".join(lines) or "no device beyond the box is let in"

    tell([asdict(each) for each in found], as_json=as_json, text=text)


@app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="The device, as `ls` names it.")],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Let a device say and hear nothing any more, also with the key that it has."""
    from aiomqtt import MqttError  # noqa: PLC0415

    from firmware_bridge.links.sweeping import forget  # noqa: PLC0415
    from gateway.mosquitto import devices  # noqa: PLC0415
    from gateway.wiring.broker import account_of  # noqa: PLC0415

    with _at(config) as (settings, place):
        with devices.changing(place):
            gone = devices.take_out(place, name)
        # Whatever the broker says: who is out of the rules is not put back.
        read = _in_force(settings, place, f"{name} is out of its rules all the same")
        doctor = account_of(settings, "doctor")
        if read and doctor is not None:
            with suppress(MqttError, OSError, TimeoutError):
                asyncio.run(forget(doctor, gone.topics))
    tell(
        {"name": name, "in_force": read},
        as_json=as_json,
        text=lambda: f"{name} is out.{'' if read else ' ' + AGAIN}",
    )
