"""Labelled frames of living people and of attacks, judged by each network."""

from pathlib import Path
from typing import Any

import typer

from enrolment.model.faces import FaceFault
from gateway.accuracy.pairs import ListUnusable, quiet, rows_of
from gateway.accuracy.rates import Judged, pad_rates
from gateway.wiring.faces import engine

COLUMNS = {"path", "live", "subject", "session"}


class NoNetwork(Exception):
    """There is no liveness network to be measured."""


async def evaluate_attacks(
    root: Path, frames: Path, models: Path
) -> tuple[dict[str, Any], dict[str, list[Judged]]]:
    """Judge every frame of a list by every network.

    Return the report (all networks together, as the product asks them, and each), and
    each frame's scores for a curve.
    """
    labelled = _read(root, frames)
    worker = engine(models)
    judged: dict[str, list[Judged]] = {}
    try:
        await worker.start()
        if not worker.liveness:
            raise NoNetwork("no liveness network: `lodge models add fr_liveness`")
        with typer.progressbar(labelled, label="frames", file=quiet()) as bar:
            for path, live, subject in bar:
                found = await worker.alive(path.read_bytes())
                scores = {} if isinstance(found, FaceFault) else dict(found)
                for name in worker.liveness:
                    told = Judged(live, subject, scores.get(name))
                    judged.setdefault(name, []).append(told)
                least = min(scores.values(), default=None)
                judged.setdefault("all", []).append(Judged(live, subject, least))
    finally:
        await worker.close()
    together = judged.pop("all")
    subjects = sorted({each.subject for each in together})
    report = {
        "frames": len(together),
        "unusable": sum(each.score is None for each in together),
        **pad_rates(together),
        "networks": {name: pad_rates(each) for name, each in judged.items()},
        "subjects": {
            subject: pad_rates([each for each in together if each.subject == subject])
            for subject in subjects
        },
    }
    return report, judged


def _read(root: Path, frames: Path) -> list[tuple[Path, bool, str]]:
    labelled = []
    for number, row in enumerate(rows_of(frames, COLUMNS), start=2):
        if row["live"] not in {"0", "1"}:
            raise ListUnusable(f"{frames.name}: line {number}: live must be 0 or 1")
        path = root / row["path"]
        if not path.is_file():
            raise ListUnusable(f"{frames.name}: line {number}: a picture is missing")
        labelled.append((path, row["live"] == "1", row["subject"]))
    return labelled
