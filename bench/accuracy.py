"""Matching and liveness on the labelled development pictures beside the checkout."""

from pathlib import Path

from bench.figure import Figure
from bench.shared import FACES, there
from gateway.accuracy.attacks import evaluate_attacks
from gateway.accuracy.pairs import evaluate_pairs
from gateway.demo.pictures import cache

# No target was set: whoever is not matched is looked at by a person. This guards.
WORSE = 15


async def measure(folder: Path) -> list[Figure]:
    """Return the error rates in percent; docs/accuracy.md has intervals and curves."""
    del folder
    if not there("accuracy"):
        return []
    pairs, _ = await evaluate_pairs(FACES, FACES / "pairs.csv")
    attacks, _ = await evaluate_attacks(FACES, FACES / "pad.csv", cache() / "models")
    groups = [
        Figure(f"dev set, {name}: false match", 100 * rates["fmr"], "%", 0.5)
        for name, rates in pairs["groups"].items()
    ]
    return [
        Figure("dev set: false match", 100 * pairs["fmr"], "%", 0.5),
        Figure("dev set: false non-match", 100 * pairs["fnmr"], "%", WORSE),
        *groups,
        Figure("dev set: attacks passed (APCER)", 100 * attacks["apcer"], "%", 2),
        Figure("dev set: people refused (BPCER)", 100 * attacks["bpcer"], "%", 5),
    ]
