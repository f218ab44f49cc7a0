"""The verbs of `lodge`, gathered."""

import typer

from gateway.cli import (
    box,
    broker,
    camera,
    checks,
    devices,
    faces,
    firmware,
    keys,
    models,
    registry,
    station,
)
from gateway.cli.trial import demo

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
)
app.command()(demo)
app.command()(box.init)
app.command()(box.run)
app.command()(box.doctor)
app.command()(box.pair)
app.command()(box.landlord)
app.command("faces")(faces.serve)
app.command("camera")(camera.serve)
app.add_typer(checks.app, name="id")
app.add_typer(faces.app, name="face")
app.add_typer(models.app, name="models")
app.add_typer(registry.app, name="sync")
app.add_typer(registry.audit, name="audit")
app.add_typer(box.lock, name="lock")
app.add_typer(broker.app, name="broker")
app.add_typer(keys.app, name="key")
app.add_typer(devices.app, name="devices")
app.add_typer(firmware.app, name="firmware")
app.add_typer(station.app, name="station")


def main() -> None:
    """Run the command line."""
    app()
