"""Shares of errors with their intervals, as ISO/IEC 19795-1 and 30107-3 count them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from enrolment.rules.faces import SAME_FROM
from enrolment.rules.liveness import LIVE_FROM

# Two-sided 95 % of the normal distribution.
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Scored:
    """A labelled pair and its similarity; None where a picture could not be used."""

    same: bool
    group: str
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled frame and what a network thinks; None where it shows no one face."""

    live: bool
    subject: str
    score: float | None
    kind: str = ""


def rates(scored: Sequence[Scored], threshold: float = SAME_FROM) -> dict[str, Any]:
    """Return FMR, FNMR, accuracy and EER at the product's threshold.

    Rates are shares of impostor and genuine pairs, each with its Wilson interval of
    95 %; a pair that cannot be used is no match.
    """

    def matched(each: Scored) -> bool:
        return each.similarity is not None and each.similarity >= threshold

    wrong = _count(scored, lambda each: not each.same and matched(each))
    impostors = _count(scored, lambda each: not each.same)
    missed = _count(scored, lambda each: each.same and not matched(each))
    genuine = _count(scored, lambda each: each.same)
    return {
        "fmr": wrong / impostors if impostors else None,
        "fmr_95": wilson(wrong, impostors),
        "fnmr": missed / genuine if genuine else None,
        "fnmr_95": wilson(missed, genuine),
        "accuracy": 1 - (wrong + missed) / len(scored),
        "eer": eer(
            [_or_worst(each.similarity) for each in scored if each.same],
            [_or_worst(each.similarity) for each in scored if not each.same],
        ),
    }


def pad_rates(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return APCER, BPCER and EER of one network at the product's threshold.

    APCER: attacks that pass; BPCER: living people refused, a frame without one face
    among them.
    """
    attacks = [each for each in judged if not each.live]
    people = [each for each in judged if each.live]
    passed = sum(_or_worst(each.score) >= LIVE_FROM for each in attacks)
    refused = sum(_or_worst(each.score) < LIVE_FROM for each in people)
    return {
        "apcer": passed / len(attacks) if attacks else None,
        "apcer_95": wilson(passed, len(attacks)),
        "bpcer": refused / len(people) if people else None,
        "bpcer_95": wilson(refused, len(people)),
        "eer": eer(
            [_or_worst(each.score) for each in people],
            [_or_worst(each.score) for each in attacks],
        ),
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


def eer(good: Sequence[float], bad: Sequence[float]) -> float | None:
    """Return the equal error rate: where both kinds of error cross."""
    curve = det(good, bad)
    if not curve:
        return None
    _, false, missed = min(curve, key=lambda point: abs(point[1] - point[2]))
    return round((false + missed) / 2, 4)


def det(
    good: Sequence[float], bad: Sequence[float]
) -> list[tuple[float, float, float]]:
    """Return at each threshold the share of bad ones let in and of good ones refused.

    Each point is (threshold, false, missed); thresholds rise.
    """
    if not good or not bad:
        return []
    rising_good, rising_bad = sorted(good), sorted(bad)
    points, below_good, below_bad = [], 0, 0
    for at in sorted({*good, *bad}):
        while below_good < len(good) and rising_good[below_good] < at:
            below_good += 1
        while below_bad < len(bad) and rising_bad[below_bad] < at:
            below_bad += 1
        false = 1 - below_bad / len(bad)
        points.append((at, false, below_good / len(good)))
    return points


def _count(scored: Sequence[Scored], fits: Callable[[Scored], bool]) -> int:
    return sum(fits(each) for each in scored)


def _or_worst(score: float | None) -> float:
    return -1.0 if score is None else score
