"""Verbs about the broker: devices beyond the box, each by a certificate of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.answers import Config, Json, refuse, tell, usable

if TYPE_CHECKING:
    from gateway.settings import LodgeSettings

app = typer.Typer(no_args_is_help=True, help="Devices beyond the box, at its broker.")
CONFIG = Path("lodge.toml")
AGAIN = "Start the broker again, or have it read its files anew (SIGHUP)."


def _places(config: Path) -> "tuple[LodgeSettings, Path, Path]":
    from gateway.settings import LodgeSettings  # noqa: PLC0415 - each verb loads its own

    settings = LodgeSettings.load(config)
    folder = settings.at(Path("mosquitto"))
    if not (folder / "acl").exists():
        raise refuse(f"{folder}: no broker of `lodge init` is there")
    return settings, folder, settings.at(settings.master_key).parent


@app.command("listen")
def listen(
    host: Annotated[str, typer.Argument(help="Address by which devices know the box.")],
    port: Annotated[int, typer.Option(help="Port for MQTT over TLS.")] = 8883,
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Let devices on the network speak to the broker, by certificate alone."""
    from gateway.mosquitto.devices import open_beyond  # noqa: PLC0415
    from porch.authority import authority  # noqa: PLC0415

    with usable():
        settings, folder, keys = _places(config)
        seal = authority(settings.master(), "devices").seal
        open_beyond(folder, keys, host, port, seal)

    def text() -> str:
        return (
            f"Devices may speak to {host}:{port} once they have a certificate.\n"
            f"Write `devices_port = {port}` under [broker] in {config}, and start the "
            "broker again.\nNext: lodge broker device NAME --kind KIND"
        )

    tell({"host": host, "port": port}, as_json=as_json, text=text)


@app.command("device")
def device(
    name: Annotated[
        str, typer.Argument(help="The device, by its topics' prefix: `front-strike`.")
    ],
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

    with usable():
        if kind not in devices.KINDS:
            raise refuse(f"{kind}: one of {', '.join(devices.KINDS)}")
        settings, folder, keys = _places(config)
        certificate, key = out / f"{name}.pem", out / f"{name}.key"
        if certificate.exists() or key.exists():
            raise refuse(f"{certificate}: there is one already; choose another --out")
        try:
            rules = devices.rules_of(kind, name, topic or ())
            unseal = authority(settings.master(), "devices").unseal
            made = devices.let_in(folder, keys, (name, kind), rules, unseal)
        except devices.DeviceUnfit as error:
            raise refuse(str(error)) from error
        key.touch(mode=0o600)
        key.write_bytes(made.key)
        certificate.write_bytes(made.certificate)
        ca = out / "devices-ca.pem"
        ca.write_bytes((keys / "devices.pem").read_bytes())
        read = devices.reload(folder)

    def text() -> str:
        lines = [
            f"Made {certificate} and {key}; it knows the broker by {ca}.",
            "Put the three into the device, then delete the key: nobody else has it.",
            *(f"  {rule}" for rule in rules),
        ]
        return "\n".join([*lines, *([] if read else [AGAIN])])

    told = {
        "name": name,
        "certificate": str(certificate),
        "key": str(key),
        "authority": str(ca),
        "rules": rules,
        "in_force": read,
    }
    tell(told, as_json=as_json, text=text)


@app.command("ls")
def list_devices(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the devices that are let in, and what each may say and hear."""
    from dataclasses import asdict  # noqa: PLC0415

    from gateway.mosquitto.devices import devices  # noqa: PLC0415

    with usable():
        _, folder, _ = _places(config)
        found = devices(folder)

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
    from gateway.mosquitto import devices  # noqa: PLC0415

    with usable():
        _, folder, _ = _places(config)
        try:
            devices.take_out(folder, name)
        except devices.DeviceUnfit as error:
            raise refuse(str(error)) from error
        read = devices.reload(folder)
    tell(
        {"name": name, "in_force": read},
        as_json=as_json,
        text=lambda: f"{name} is out.{'' if read else ' ' + AGAIN}",
    )
