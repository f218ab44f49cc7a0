"""Verbs about faces."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.answers import NO, Json, refuse, tell, usable

app = typer.Typer(no_args_is_help=True, help="Faces, compared one to one.")


def serve() -> None:
    """Be the face worker: pictures in, numbers out, on the standard streams."""
    from gateway.wiring.faces import serve  # noqa: PLC0415 - each verb loads its own

    serve()


@app.command()
def compare(
    live: Annotated[Path, typer.Argument(help="Picture of the person.")],
    document: Annotated[Path, typer.Argument(help="Picture of the document.")],
    *,
    as_json: Json = False,
) -> None:
    """Say whether two pictures show the same person."""
    from enrolment.model.errors import EnrolmentError  # noqa: PLC0415
    from gateway.evaluation import compare_files  # noqa: PLC0415

    with usable():
        pictures = live.read_bytes(), document.read_bytes()
    try:
        told = asyncio.run(compare_files(*pictures))
    except EnrolmentError as error:
        raise refuse(str(error)) from error

    def text() -> str:
        if told["reason"]:
            return f"not usable: {told['reason']}"
        word = "same" if told["same"] else "not the same"
        return f"{word}: similarity {told['similarity']:.3f}, live: not tested"

    tell(told, as_json=as_json, text=text)
    if not told["same"]:
        raise typer.Exit(NO)


@app.command()
def evaluate(
    root: Annotated[Path, typer.Option(help="Folder that the paths start from.")],
    pairs: Annotated[Path, typer.Option(help="CSV with a,b,same,group.")],
    *,
    as_json: Json = False,
) -> None:
    """Measure false matches and false non-matches over labelled pairs."""
    from gateway.evaluation import PairsUnusable, evaluate_pairs  # noqa: PLC0415

    try:
        with usable():
            told = asyncio.run(evaluate_pairs(root, pairs))
    except PairsUnusable as error:
        raise refuse(str(error)) from error

    def text() -> str:
        lines = [f"{told['pairs']} pairs, {told['unusable']} unusable"]
        for name, rates in [("all", told), *told["groups"].items()]:
            lines.append(
                f"{name}: FMR {rates['fmr']:.4f} {rates['fmr_95']}, "
                f"FNMR {rates['fnmr']:.4f} {rates['fnmr_95']}"
            )
        return "\n".join(lines)

    tell(told, as_json=as_json, text=text)
