"""Verbs of the station."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.answers import (
    Config,
    Disable,
    Json,
    Reset,
    account_line,
    ask_running,
    tell,
    usable,
)

CONFIG = Path("station.toml")
app = typer.Typer(no_args_is_help=True, help="The receiving side.")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    host: Annotated[str, typer.Option(help="Address of the pages.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the pages.")] = 8444,
    officer: Annotated[str, typer.Option(help="Name to sign in with.")] = "officer",
    *,
    plain: Annotated[
        bool, typer.Option("--plain", help="HTTP, on loopback only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a station: config, keys, certificate, ledger, and an officer's account."""
    from station.wiring import found  # noqa: PLC0415 - each verb loads its own

    with usable():
        told = asyncio.run(found(folder, (host, port), officer, plain=plain))

    def text() -> str:
        return (
            f"Made {told['config']}\n"
            f"Fingerprint {told['fingerprint']}\n"
            f"Officer {told['officer']}: set-up code {told['code']}\n"
            f"Next: lodge station run --config {told['config']}, then open "
            f"{told['address']}/set-up"
        )

    tell(told, as_json=as_json, text=text)


@app.command()
def run(config: Config = CONFIG) -> None:
    """Serve the station until told to end."""
    from porch.control import only_one  # noqa: PLC0415
    from porch.logs import begin_logging  # noqa: PLC0415
    from station.wiring import Station, StationSettings  # noqa: PLC0415

    begin_logging()
    with usable():
        settings = StationSettings.load(config)

        async def serve() -> None:
            await Station.open(settings).run()

        with only_one(settings.at(settings.database)):
            asyncio.run(serve())


@app.command()
def admit(
    label: Annotated[str, typer.Option(help="For which house or landlord.")] = "",
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Issue a one-time code by which one box may join."""
    from station.wiring import StationSettings  # noqa: PLC0415

    with usable():
        settings = StationSettings.load(config)
        socket = settings.at(settings.socket)
        told = ask_running(socket, "/admit", {"label": label})

    def text() -> str:
        return f"Code {told['code']}\nOur fingerprint: {told['fingerprint']}"

    tell(told, as_json=as_json, text=text)


@app.command()
def officer(
    name: Annotated[str, typer.Argument()],
    config: Config = CONFIG,
    *,
    reset: Reset = False,
    disable: Disable = None,
    as_json: Json = False,
) -> None:
    """Make an officer's named account, or look after one; print a set-up code."""
    from station.wiring import StationSettings  # noqa: PLC0415

    with usable():
        settings = StationSettings.load(config)
        asked = {"name": name, "reset": reset, "disabled": disable}
        told = ask_running(settings.at(settings.socket), "/officer", asked)
    tell(told, as_json=as_json, text=lambda: account_line(told))
