"""Verbs about what registries were told, and about the audit chain."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.answers import NO, Config, Json, ask_running, tell, usable

CONFIG = Path("lodge.toml")
app = typer.Typer(no_args_is_help=True, help="Deliveries to registries.")
audit = typer.Typer(no_args_is_help=True, help="The audit chain.")


@app.command()
def status(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Count the deliveries by state."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import sync_status  # noqa: PLC0415

    with usable():
        told = asdict(sync_status(LodgeSettings.load(config)))

    def text() -> str:
        return "\n".join(f"{name}: {value}" for name, value in told.items())

    tell(told, as_json=as_json, text=text)


@app.command()
def show(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the deliveries, a line each, without anything about the person."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import sync_list  # noqa: PLC0415

    with usable():
        found = sync_list(LodgeSettings.load(config))
    for each in found:
        told = {
            "registration": each.registration,
            "version": each.version,
            "profile": each.profile,
            "state": each.state.value,
            "tries": each.tries,
            "reason": each.reason,
        }
        line = "\t".join(str(value) for value in told.values())
        typer.echo(json.dumps(told) if as_json else line)


@app.command()
def retry(
    registration: Annotated[str, typer.Argument()],
    version: Annotated[int, typer.Argument()],
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Send a delivery again, after what the registry refused was mended."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        asked = {"registration": registration, "version": version}
        told = ask_running(settings.at(settings.socket), "/sync/retry", asked)
    tell(told, as_json=as_json, text=lambda: "queued")


@audit.callback()
def about() -> None:
    """Walk the hash-chained record of what the box did."""


@audit.command()
def verify(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Walk the audit chain from its first link to its head."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import audit_walk  # noqa: PLC0415

    with usable():
        found = audit_walk(LodgeSettings.load(config))

    def text() -> str:
        whole = f"{found.entries} entries, chain whole"
        return whole if found.ok else f"broken at entry {found.first_bad}"

    tell(asdict(found), as_json=as_json, text=text)
    if not found.ok:
        raise typer.Exit(NO)
