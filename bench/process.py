"""Memory, idle processor time and start of `lodge run`."""

import asyncio
import os
import resource
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.figure import Figure
from bench.memory import megabytes, told
from gateway.demo.pictures import Pictures
from gateway.demo.programs import output
from gateway.demo.story import Story

IDLE_SECONDS = 10
NAMES = """
import sys, gateway.wiring.opening
ours = ("gateway", "station", "cloud_sync", "firmware_bridge", "enrolment", "devices",
        "porch", "ledger")
print(*(name for name in sys.modules if name.split(".")[0] not in ours))
"""
IMPORT = """
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
print(open("/proc/self/status").read())
"""


async def measure(folder: Path) -> list[Figure]:
    """Return memory as a multiple of the bare imports', idle CPU, seconds to ready."""
    names = (await output(sys.executable, "-c", NAMES)).split()
    bare = await output(sys.executable, "-c", IMPORT, *names)
    async with AsyncExitStack() as stack:
        story = Story(folder, Pictures.find(), stack)
        await story.begin()
        await story.register_house()
        await asyncio.sleep(2)
        before = _spent(story.box.pid)
        await asyncio.sleep(IDLE_SECONDS)
        idle = 100 * (_spent(story.box.pid) - before) / IDLE_SECONDS
        memory = megabytes(story.box.pid)
        await story.box.stop()
        started = time.perf_counter()
        await story.box.start()
        await story.box.answers(f"{story.addresses['box']}/healthz")
        ready = time.perf_counter() - started
    before = _children()
    await output(sys.executable, "-m", "gateway.cli", "--help")
    helped = _children() - before
    what = f"lodge run idle, {memory:.0f} MB against the same imports"
    return [
        Figure(what, memory / told(bare), "×", 1.3),
        Figure("lodge run idle, processor", idle, "%", 1),
        Figure("lodge run, start to ready", ready, "s", 2.5),
        Figure("lodge --help, processor", helped, "s", 0.3),
    ]


def _children() -> float:
    """Return the seconds of processor that ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")")[1]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
