"""Verbs about what hangs on serial lines."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.answers import NO, Config, Json, ask_running, refuse, tell, usable

app = typer.Typer(no_args_is_help=True, help="Readers on serial lines.")
simulate = typer.Typer(no_args_is_help=True, help="Simulated hardware.")
app.add_typer(simulate, name="simulate")
CONFIG = Path("lodge.toml")


@app.command("ls")
def list_readers(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the readers of the running box, and how each is."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        told = ask_running(settings.at(settings.socket), "/readers")["readers"]

    def text() -> str:
        lines = [f"{each['reader']}\t{each['state']}\t{each['port']}" for each in told]
        return "\n".join(lines) or "no reader in the config"

    tell(told, as_json=as_json, text=text)
    if not all(each["state"] == "good" for each in told):
        raise typer.Exit(NO)


@app.command()
def find(
    port: Annotated[str, typer.Argument(help="The port, as /dev/ttyUSB0.")],
    *,
    as_json: Json = False,
) -> None:
    """Look which readers answer on a port, at every address and speed; a minute."""
    from firmware_bridge.links.finding import found_on  # noqa: PLC0415
    from firmware_bridge.links.serial_port import PortLost  # noqa: PLC0415

    def progress(baud: int) -> None:
        if not as_json:
            typer.echo(f"looking at {baud} baud", err=True)

    try:
        found = found_on(port, progress)
    except PortLost as lost:
        raise refuse(f"{port}: {lost.fault.value}; see docs/wiring.md") from lost
    told = [{"address": address, "baud": baud} for address, baud in found]

    def text() -> str:
        lines = [f"address {each['address']} at {each['baud']} baud" for each in told]
        return "\n".join(lines) or "nobody answers: check power, A and B, and ground"

    tell(told, as_json=as_json, text=text)
    if not found:
        raise typer.Exit(NO)


@app.command()
def replace(
    reader: Annotated[str, typer.Argument(help="As `lodge devices ls` names it.")],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Let a new reader in this one's place be given a key of its own."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        told = ask_running(
            settings.at(settings.socket), "/readers/replace", {"reader": reader}
        )
    text = f"{reader}: the next reader that comes fresh from its maker is taken in"
    tell(told, as_json=as_json, text=lambda: text)


@simulate.command("reader")
def simulate_reader(
    address: Annotated[int, typer.Option(help="Its address on the line.")] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="A file that keeps its key.")
    ] = None,
    *,
    opens_alone: Annotated[
        bool, typer.Option(help="Its strike opens while nobody calls it.")
    ] = False,
) -> None:
    """Be a reader on a line without wires; type its keys in this terminal."""
    from gateway.demo.reader import simulated  # noqa: PLC0415

    asyncio.run(simulated(address, keep, opens_alone=opens_alone))
