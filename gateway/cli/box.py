"""Verbs of the box: begin, run, pair, examine."""

import asyncio
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.answers import (
    NO,
    Config,
    Disable,
    Json,
    Reset,
    account_line,
    ask_running,
    tell,
    usable,
)

CONFIG = Path("lodge.toml")
lock = typer.Typer(no_args_is_help=True, help="Locks.")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    host: Annotated[str, typer.Option(help="Address of the pages.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the pages.")] = 8443,
    landlord: Annotated[str, typer.Option(help="Name to sign in with.")] = "landlord",
    *,
    plain: Annotated[
        bool, typer.Option("--plain", help="HTTP, on loopback only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a box: config, keys, local CA, ledger, and the landlord's account."""
    from gateway.founding import found  # noqa: PLC0415 - each verb loads its own

    with usable():
        told = asyncio.run(found(folder, (host, port), landlord, plain=plain))

    def text() -> str:
        return (
            f"Made {told['config']}\n"
            f"Box {told['box']}, fingerprint {told['fingerprint']}\n"
            f"Landlord {told['landlord']}: set-up code {told['code']}\n"
            f"Next: lodge run --config {told['config']}, then open "
            f"{told['address']}/set-up"
        )

    tell(told, as_json=as_json, text=text)


def run(config: Config = CONFIG) -> None:
    """Serve the box until told to end."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.opening import open_gateway  # noqa: PLC0415
    from porch.control import only_one  # noqa: PLC0415
    from porch.logs import begin_logging  # noqa: PLC0415

    begin_logging()
    with usable():
        settings = LodgeSettings.load(config)

        async def serve() -> None:
            await open_gateway(settings).run()

        with only_one(settings.at(settings.database)):
            asyncio.run(serve())


def pair(
    url: Annotated[str, typer.Argument(help="Address of the station.")],
    code: Annotated[str, typer.Argument(help="The officer's one-time code.")],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Join a station; compare the fingerprint with the officer's."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        socket = settings.at(settings.socket)
        told = ask_running(socket, "/pair", {"url": url, "code": code})

    def text() -> str:
        joined = f"Joined {told['station']}\nIts fingerprint: {told['fingerprint']}"
        waits = "It is another station: a landlord says yes to it on his first page."
        return f"{joined}\n{waits}" if told["waits"] else joined

    tell(told, as_json=as_json, text=text)


def landlord(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    config: Config = CONFIG,
    *,
    reset: Reset = False,
    disable: Disable = None,
    as_json: Json = False,
) -> None:
    """Make another landlord's account, or look after one; prints a set-up code."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        asked = {"name": name, "reset": reset, "disabled": disable}
        told = ask_running(settings.at(settings.socket), "/landlord", asked)
    tell(told, as_json=as_json, text=lambda: account_line(told))


def doctor(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Find what is wrong, and say how to mend it."""
    from gateway.examination import examine  # noqa: PLC0415

    checks = examine(config)

    def text() -> str:
        lines = [
            f"{'ok  ' if each.ok else 'BAD '} {each.check}: {each.detail}"
            + (f"\n     -> {each.fix}" if each.fix else "")
            for each in checks
        ]
        return "\n".join(lines)

    tell([asdict(each) for each in checks], as_json=as_json, text=text)
    if not all(each.ok for each in checks):
        raise typer.Exit(NO)


@lock.command("ls")
def lock_ls(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the locks and what each last said of itself."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import list_locks  # noqa: PLC0415

    with usable():
        found = list_locks(LodgeSettings.load(config))

    def text() -> str:
        return "\n".join(
            f"{each.name}\t{each.bolt.value}\t{each.model}" for each in found
        )

    tell([_plain(asdict(each)) for each in found], as_json=as_json, text=text)


@lock.command("give")
def lock_give(
    device: Annotated[
        str, typer.Argument(help="Id of a lock, name of a keypad, id of a sensor.")
    ],
    name: Annotated[str, typer.Argument(help="The landlord's account.")],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Say whose a device is that was found, where several landlords share a box."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        asked = {"device": device, "landlord": name}
        told = ask_running(settings.at(settings.socket), "/lock/give", asked)
    tell(told, as_json=as_json, text=lambda: f"{device} is {name}'s to hang")


@lock.command("unlock")
def lock_unlock(
    door: Annotated[str, typer.Argument(help="Id of the door.")],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Open a door from afar; where somebody lives behind it he is asked first."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        told = ask_running(settings.at(settings.socket), "/lock/unlock", {"door": door})

    def text() -> str:
        if told["opened"] is None:
            return "told to open; the lock has not said that it did: look at the door"
        why = told["reason"] or "the lock did not take the command"
        return "opened" if told["opened"] else f"not opened: {why}"

    tell(told, as_json=as_json, text=text)
    if not told["opened"]:
        raise typer.Exit(NO)


@lock.command("replace")
def lock_replace(
    door: Annotated[str, typer.Argument(help="Id of the door.")],
    other: Annotated[
        str, typer.Argument(metavar="LOCK", help="Id of the new lock (lock ls).")
    ],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Put another lock in the place of a door's; keys and PINs go on with it."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        asked = {"door": door, "lock": other}
        told = ask_running(settings.at(settings.socket), "/lock/replace", asked)
    text = f"{other} hangs there; codes are still in {told['before']}: reset it"
    tell(told, as_json=as_json, text=lambda: text)


@lock.command("health")
def lock_health(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Say how each lock is: battery, last word, PINs confirmed and not."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import lock_states  # noqa: PLC0415

    with usable():
        found = lock_states(LodgeSettings.load(config))

    def text() -> str:
        return "\n".join(
            f"{'ok  ' if each['ok'] else 'BAD '} {each['name']}: {each['detail']}"
            for each in found
        )

    tell(found, as_json=as_json, text=text)
    if not all(each["ok"] for each in found):
        raise typer.Exit(NO)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.value
        if isinstance(value, Enum)
        else value
        if isinstance(value, str | int | None)
        else str(value)
        for name, value in values.items()
    }
