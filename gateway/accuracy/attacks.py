"""Labelled frames of living people and of attacks, judged by each network."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
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
    ms: dict[str, list[float]] = {}
    try:
        await worker.start()
        if not worker.liveness:
            raise NoNetwork("no liveness network: `lodge models add fr_liveness`")
        with typer.progressbar(labelled, label="frames", file=quiet()) as bar:
            for path, live, subject, kind in bar:
                found = await worker.alive(path.read_bytes())
                scores: Mapping[str, float] = {}
                if not isinstance(found, FaceFault):
                    scores = found.scores
                    for name, spent in found.ms.items():
                        ms.setdefault(name, []).append(spent)
                for name in worker.liveness:
                    told = Judged(live, subject, scores.get(name), kind)
                    judged.setdefault(name, []).append(told)
                least = min(scores.values(), default=None)
                judged.setdefault("all", []).append(Judged(live, subject, least, kind))
    finally:
        await worker.close()
    together = judged.pop("all")
    subjects = sorted({each.subject for each in together})
    kinds = sorted({each.kind for each in together if not each.live})
    report = {
        "frames": len(together),
        "unusable": sum(each.score is None for each in together),
        **pad_rates(together),
        "ms": {name: round(median(spent), 2) for name, spent in ms.items()},
        "kinds": {
            kind: pad_rates([each for each in together if each.kind == kind])
            for kind in kinds
        },
        "networks": {name: pad_rates(each) for name, each in judged.items()},
        "subjects": {
            subject: pad_rates([each for each in together if each.subject == subject])
            for subject in subjects
        },
    }
    return report, judged


def _read(root: Path, frames: Path) -> list[tuple[Path, bool, str, str]]:
    """Return each frame, whether it lives, whose it is, and its kind.

    The kind is told by a column `kind`, or by the folder that holds the person's.
    """
    labelled = []
    for number, row in enumerate(rows_of(frames, COLUMNS), start=2):
        if row["live"] not in {"0", "1"}:
            raise ListUnusable(f"{frames.name}: line {number}: live must be 0 or 1")
        path = root / row["path"]
        if not path.is_file():
            raise ListUnusable(f"{frames.name}: line {number}: a picture is missing")
        kind = row.get("kind") or path.parent.parent.name
        labelled.append((path, row["live"] == "1", row["subject"], kind))
    return labelled
