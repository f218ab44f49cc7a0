"""How well the face engine tells people apart, on labelled pictures."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import typer

from enrolment.model.faces import Comparison, FaceVerdict
from enrolment.rules.faces import SAME_FROM, assess
from gateway.wiring.faces import engine

COLUMNS = {"a", "b", "same", "group"}
# Two-sided 95 % of the normal distribution.
Z = 1.959964


class PairsUnusable(Exception):
    """The list of pairs lacks a column, a label or a picture."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A labelled pair and its similarity; None where a picture could not be used."""

    same: bool
    group: str
    similarity: float | None


async def compare_files(live: bytes, document: bytes) -> dict[str, Any]:
    """Compare two pictures; the answer as `lodge face compare` prints it."""
    worker = engine()
    try:
        found = await worker.compare(live, document)
    finally:
        await worker.close()
    return told_of(found)


def told_of(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON: similarity is a cosine, times are milliseconds."""
    fault = f"{found.at_fault}: {found.fault.value}" if found.fault else None
    same = found.similarity is not None and assess(found.similarity) is FaceVerdict.SAME
    return {
        "same": same,
        "similarity": found.similarity,
        "threshold": SAME_FROM,
        "live": {"passed": None, "score": None, "reason": "not_tested"},
        "faces": [{"box": face.box, "score": face.score} for face in found.faces],
        "ms": dict(found.ms),
        "reason": fault,
    }


async def evaluate_pairs(root: Path, pairs: Path) -> dict[str, Any]:
    """Compare every pair of a list; a pair that cannot be used counts as no match."""
    labelled = _read(root, pairs)
    worker = engine()
    scored: list[Scored] = []
    ms: dict[str, list[float]] = {}
    try:
        with typer.progressbar(labelled, label="pairs", file=_quiet()) as bar:
            for one, other, same, group in bar:
                found = await worker.compare(one.read_bytes(), other.read_bytes())
                scored.append(Scored(same, group, found.similarity))
                for name, spent in found.ms:
                    ms.setdefault(name, []).append(spent)
    finally:
        await worker.close()
    groups = sorted({each.group for each in scored})
    return {
        "pairs": len(scored),
        "unusable": sum(each.similarity is None for each in scored),
        "threshold": SAME_FROM,
        **rates(scored),
        "groups": {
            group: rates([each for each in scored if each.group == group])
            for group in groups
        },
        "ms": {name: round(median(spent), 2) for name, spent in ms.items()},
    }


def rates(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return FMR, FNMR, accuracy and EER at the product's threshold.

    Rates are shares of impostor and genuine pairs (ISO/IEC 19795-1), each with its
    Wilson interval of 95 %.
    """
    wrong = _count(scored, lambda each: not each.same and _matched(each))
    impostors = _count(scored, lambda each: not each.same)
    missed = _count(scored, lambda each: each.same and not _matched(each))
    genuine = _count(scored, lambda each: each.same)
    return {
        "fmr": wrong / impostors if impostors else None,
        "fmr_95": wilson(wrong, impostors),
        "fnmr": missed / genuine if genuine else None,
        "fnmr_95": wilson(missed, genuine),
        "accuracy": 1 - (wrong + missed) / len(scored),
        "eer": eer(scored),
    }


def wilson(hits: int, of: int) -> list[float] | None:
    """Return the Wilson score interval of a share at 95 %, rounded to 4 places."""
    if not of:
        return None
    share = hits / of
    middle = share + Z * Z / (2 * of)
    spread = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    whole = 1 + Z * Z / of
    low, high = (middle - spread) / whole, (middle + spread) / whole
    return [round(max(0.0, low), 4), round(min(1.0, high), 4)]


def eer(scored: Sequence[Scored]) -> float | None:
    """Return the equal error rate: where false matches and non-matches cross."""
    genuine = sorted(_or_worst(each) for each in scored if each.same)
    impostor = sorted(_or_worst(each) for each in scored if not each.same)
    if not genuine or not impostor:
        return None
    both = [
        (
            sum(score >= at for score in impostor) / len(impostor),
            sum(score < at for score in genuine) / len(genuine),
        )
        for at in sorted({*genuine, *impostor})
    ]
    fmr, fnmr = min(both, key=lambda pair: abs(pair[0] - pair[1]))
    return round((fmr + fnmr) / 2, 4)


def _read(root: Path, pairs: Path) -> list[tuple[Path, Path, bool, str]]:
    with pairs.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(rows[0]) >= COLUMNS:
        raise PairsUnusable(f"{pairs.name}: expected the columns a,b,same,group")
    labelled = []
    for number, row in enumerate(rows, start=2):
        if row["same"] not in {"0", "1"}:
            raise PairsUnusable(f"{pairs.name}: line {number}: same must be 0 or 1")
        one, other = root / row["a"], root / row["b"]
        if not one.is_file() or not other.is_file():
            raise PairsUnusable(f"{pairs.name}: line {number}: a picture is missing")
        labelled.append((one, other, row["same"] == "1", row["group"]))
    return labelled


def _quiet() -> Any:
    return typer.get_text_stream("stderr")


def _count(scored: Sequence[Scored], fits: Callable[[Scored], bool]) -> int:
    return sum(fits(each) for each in scored)


def _matched(each: Scored) -> bool:
    return each.similarity is not None and each.similarity >= SAME_FROM


def _or_worst(each: Scored) -> float:
    return -1.0 if each.similarity is None else each.similarity
