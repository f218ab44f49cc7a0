"""Run every benchmark, print the table, exit 1 where a target is missed."""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import print_exc

from bench import (
    accuracy,
    door,
    doors,
    faces,
    process,
    registration,
    rude,
    telemetry,
    way,
    wires,
)
from bench.figure import Figure

ROOMS = {
    "telemetry": telemetry.measure,
    "door": door.measure,
    "doors": doors.measure,
    "rude": rude.measure,
    "registration": registration.measure,
    "faces": faces.measure,
    "accuracy": accuracy.measure,
    "way": way.measure,
    "process": process.measure,
    "wires": wires.measure,
}


async def main() -> bool:
    """Measure what was named, or everything."""
    chosen = sys.argv[1:] or list(ROOMS)
    figures: list[Figure] = []
    for name in chosen:
        with TemporaryDirectory(prefix="lodge-bench-") as folder:
            try:
                figures += await ROOMS[name](Path(folder))
            except Exception:  # noqa: BLE001 - the others are measured all the same
                print_exc()
                figures.append(Figure(f"{name} failed: see above", 1, "", 0))
    print("| what | measured | target | reached |")
    print("|---|---|---|---|")
    for figure in figures:
        print(figure.row())
    print(json.dumps({figure.what: figure.value for figure in figures}))
    return all(figure.reached for figure in figures)


sys.exit(0 if asyncio.run(main()) else 1)
