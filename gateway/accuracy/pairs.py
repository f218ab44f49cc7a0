"""Labelled pairs of pictures, compared as the product compares them."""

import csv
from pathlib import Path
from statistics import median
from typing import Any

import typer

from enrolment.model.faces import Alive, Comparison, EngineName
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.liveness import LIVE_FROM
from gateway.accuracy.rates import Scored, rates
from gateway.wiring.faces import engine

COLUMNS = {"a", "b", "same", "group"}
# Between the frames of one side, which are fused.
FRAMES = "|"
Side = list[Path]


class ListUnusable(Exception):
    """A list of pictures lacks a column, a label or a picture."""


async def compare_files(
    live: bytes,
    document: bytes,
    models: Path | None,
    name: EngineName = EngineName.SFACE,
) -> dict[str, Any]:
    """Compare two pictures; the answer as `lodge face compare` prints it."""
    worker = engine(models, name)
    try:
        found = await worker.compare(live, document)
        alive = await worker.alive(live) if worker.liveness else None
    finally:
        await worker.close()
    scores = alive.scores if isinstance(alive, Alive) else {}
    return told_of(found, min(scores.values(), default=None), name)


def told_of(
    found: Comparison, alive: float | None, name: EngineName = EngineName.SFACE
) -> dict[str, Any]:
    """Return a comparison as JSON: similarity is a cosine, times are milliseconds.

    `alive` is the least that a liveness network gives the live picture: one still,
    which proves nothing by itself.
    """
    fault = f"{found.at_fault}: {found.fault.value}" if found.fault else None
    threshold = THRESHOLDS[name].same
    same = found.similarity is not None and found.similarity >= threshold
    return {
        "same": same,
        "similarity": found.similarity,
        "threshold": threshold,
        "live": {
            "passed": None if alive is None else alive >= LIVE_FROM,
            "score": alive,
            "reason": "not_tested" if alive is None else "one_still",
        },
        "faces": [{"box": face.box, "score": face.score} for face in found.faces],
        "ms": dict(found.ms),
        "reason": fault,
    }


async def evaluate_pairs(
    root: Path, pairs: Path, chosen: EngineName = EngineName.SFACE
) -> tuple[dict[str, Any], list[Scored]]:
    """Compare every pair of a list; a pair that cannot be used counts as no match.

    Return the report, and each pair's score for a curve.
    """
    labelled = _read(root, pairs)
    worker, threshold = engine(name=chosen), THRESHOLDS[chosen].same
    scored: list[Scored] = []
    ms: dict[str, list[float]] = {}
    try:
        with typer.progressbar(labelled, label="pairs", file=quiet()) as bar:
            for one, other, same, group in bar:
                found = await worker.compare_sides(
                    [path.read_bytes() for path in one],
                    [path.read_bytes() for path in other],
                )
                scored.append(Scored(same, group, found.similarity))
                for name, spent in found.ms:
                    ms.setdefault(name, []).append(spent)
    finally:
        await worker.close()
    groups = sorted({each.group for each in scored})
    told = {
        "pairs": len(scored),
        "unusable": sum(each.similarity is None for each in scored),
        "engine": chosen.value,
        "threshold": threshold,
        **rates(scored, threshold),
        "groups": {
            group: rates([each for each in scored if each.group == group], threshold)
            for group in groups
        },
        "ms": {name: round(median(spent), 2) for name, spent in ms.items()},
    }
    return told, scored


def quiet() -> Any:
    """Return where progress goes: never among the answers."""
    return typer.get_text_stream("stderr")


def rows_of(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """Read a list with a head; raise ListUnusable where a column is missing."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(rows[0]) >= columns:
        names = ",".join(sorted(columns))
        raise ListUnusable(f"{path.name}: expected the columns {names}")
    return rows


def _read(root: Path, pairs: Path) -> list[tuple[Side, Side, bool, str]]:
    labelled = []
    for number, row in enumerate(rows_of(pairs, COLUMNS), start=2):
        if row["same"] not in {"0", "1"}:
            raise ListUnusable(f"{pairs.name}: line {number}: same must be 0 or 1")
        one, other = (
            [root / part for part in row[side].split(FRAMES)] for side in ("a", "b")
        )
        if not all(path.is_file() for path in (*one, *other)):
            raise ListUnusable(f"{pairs.name}: line {number}: a picture is missing")
        labelled.append((one, other, row["same"] == "1", row["group"]))
    return labelled
