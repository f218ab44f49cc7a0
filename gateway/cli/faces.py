"""Verbs about faces."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from enrolment.model.faces import EngineName
from gateway.cli.answers import NO, Config, Json, refuse, tell, usable

CONFIG = Path("lodge.toml")
app = typer.Typer(no_args_is_help=True, help="Faces, compared one to one.")
Models = Annotated[
    Path | None,
    typer.Option(help="Folder of the liveness networks; set-up's own where not told."),
]
Engine = Annotated[
    EngineName, typer.Option(help="What turns faces into numbers; dlib: `make dlib`.")
]


def serve() -> None:
    """Be the face worker: pictures in, numbers out, on the standard streams."""
    from gateway.wiring.faces import serve  # noqa: PLC0415 - each verb loads its own

    serve()


@app.command()
def compare(
    live: Annotated[Path, typer.Argument(help="Picture of the person.")],
    document: Annotated[Path, typer.Argument(help="Picture of the document.")],
    *,
    models: Models = None,
    engine: Engine = EngineName.SFACE,
    as_json: Json = False,
) -> None:
    """Say whether two pictures show the same person."""
    from enrolment.model.errors import EnrolmentError  # noqa: PLC0415
    from gateway.accuracy.pairs import compare_files  # noqa: PLC0415

    _installed(engine)
    with usable():
        pictures = live.read_bytes(), document.read_bytes()
    try:
        told = asyncio.run(compare_files(*pictures, _networks(models), engine))
    except EnrolmentError as error:
        raise refuse(str(error)) from error

    def text() -> str:
        if told["reason"]:
            return f"not usable: {told['reason']}"
        word = "same" if told["same"] else "not the same"
        alive = told["live"]["score"]
        live = "not tested" if alive is None else f"{alive:.2f}, by one still"
        return f"{word}: similarity {told['similarity']:.3f}, live: {live}"

    tell(told, as_json=as_json, text=text)
    if not told["same"]:
        raise typer.Exit(NO)


@app.command()
def evaluate(  # noqa: PLR0913 - each is an option of its own
    root: Annotated[Path, typer.Option(help="Folder that the paths start from.")],
    pairs: Annotated[Path, typer.Option(help="CSV with a,b,same,group.")],
    pad: Annotated[
        Path | None, typer.Option(help="CSV with path,live,subject,session.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report and its curves.")
    ] = None,
    *,
    models: Models = None,
    engine: Engine = EngineName.SFACE,
    as_json: Json = False,
) -> None:
    """Measure matching over labelled pairs, and liveness over labelled frames.

    A side of a pair may be several frames of one person: a1.jpg|a2.jpg.
    """
    from enrolment.model.errors import EnrolmentError  # noqa: PLC0415
    from gateway.accuracy.attacks import NoNetwork, evaluate_attacks  # noqa: PLC0415
    from gateway.accuracy.pairs import ListUnusable, evaluate_pairs  # noqa: PLC0415
    from gateway.accuracy.rates import Judged  # noqa: PLC0415
    from gateway.accuracy.report import write  # noqa: PLC0415
    from gateway.wiring.faces import missing  # noqa: PLC0415

    _installed(engine)
    attacks: dict[str, Any] | None = None
    judged: dict[str, list[Judged]] = {}
    try:
        with usable():
            told, scored = asyncio.run(evaluate_pairs(root, pairs, engine))
            if pad is not None:
                found = evaluate_attacks(root, pad, _networks(models))
                attacks, judged = asyncio.run(found)
                told["pad"] = attacks
            if report is not None:
                others = [
                    asyncio.run(evaluate_pairs(root, pairs, each))[0]
                    for each in EngineName
                    if each is not engine and not missing(each)
                ]
                write(report, told, scored, attacks, judged, others)
    except (ListUnusable, NoNetwork, EnrolmentError) as error:
        raise refuse(str(error)) from error
    tell(told, as_json=as_json, text=lambda: "\n".join(_lines(told)))


@app.command()
def assessments(
    config: Config = CONFIG,
    text: Annotated[
        str, typer.Option(help="Print the one whose hash begins so, as it stood.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """List the impact assessments under which people agreed, with hash and time."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import stood  # noqa: PLC0415

    with usable():
        found = stood(LodgeSettings.load(config))
    named = [each for each in found if text and each.hash.startswith(text)]
    if text and len(named) != 1:
        raise refuse(f"{len(named)} assessments have a hash that begins so")
    for each in named or found:
        told = {"hash": each.hash, "first": each.first.isoformat()}
        told |= {"last": each.last.isoformat(), **({"text": each.text} if text else {})}
        lines = each.text if text else "\t".join(told.values())
        typer.echo(json.dumps(told) if as_json else lines)


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['pairs']} pairs, {told['unusable']} unusable"]
    for name, rates in [("all", told), *told["groups"].items()]:
        lines.append(
            f"{name}: FMR {rates['fmr']:.4f} {rates['fmr_95']}, "
            f"FNMR {rates['fnmr']:.4f} {rates['fnmr_95']}"
        )
    for name, rates in told.get("pad", {}).get("networks", {}).items():
        lines.append(
            f"{name}: APCER {rates['apcer']:.4f} {rates['apcer_95']}, "
            f"BPCER {rates['bpcer']:.4f} {rates['bpcer_95']}"
        )
    return lines


def _networks(told: Path | None) -> Path:
    """Return where liveness networks lie: as told, or where set-up puts them."""
    from gateway.demo.pictures import cache  # noqa: PLC0415

    return told or cache() / "models"


def _installed(name: EngineName) -> None:
    from gateway.wiring.faces import missing  # noqa: PLC0415

    if missing(name):
        raise refuse(f"{name.value} is not installed: `make dlib`, or use sface")
    if name is not EngineName.SFACE:
        from enrolment.rules.faces import THRESHOLDS  # noqa: PLC0415

        typer.echo(f"{name.value}: {THRESHOLDS[name].measured}", err=True)
