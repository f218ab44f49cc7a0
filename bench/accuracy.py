"""Matching and liveness on the labelled development pictures beside the checkout."""

import os
from pathlib import Path

from bench.figure import Figure
from gateway.accuracy.attacks import evaluate_attacks
from gateway.accuracy.pairs import evaluate_pairs
from gateway.demo.pictures import cache

# No target was set: whoever is not matched is looked at by a person. This guards.
WORSE = 15
SHARED = Path(os.environ.get("LODGE_SHARED", "../shared"))


async def measure(folder: Path) -> list[Figure]:
    """Return the error rates in percent; docs/accuracy.md has intervals and curves."""
    del folder
    faces = SHARED / "faces" / "dev"
    pairs, _ = await evaluate_pairs(faces, faces / "pairs.csv")
    attacks, _ = await evaluate_attacks(faces, faces / "pad.csv", cache() / "models")
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
