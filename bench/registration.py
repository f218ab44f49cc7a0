"""Registration committed on the box to event on the station's stream; what stays."""

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from bench.figure import Figure, quantile
from bench.memory import megabytes
from gateway.demo.pictures import Pictures
from gateway.demo.scene import FIRST, today
from gateway.demo.story import Story

WARM, ENROLMENTS = 20, 100


async def measure(folder: Path) -> list[Figure]:
    """Return p50 and p99 of registrations and departures, and megabytes left behind."""
    async with AsyncExitStack() as stack:
        story = Story(folder, Pictures.find(), stack)
        await story.begin()
        await story.register_house()
        await _come_and_go(story, 0, WARM)
        begun = megabytes(story.box.pid)
        await _come_and_go(story, WARM, WARM + ENROLMENTS)
        left = megabytes(story.box.pid) - begun
        spent = [
            1000 * (at - datetime.fromisoformat(event["recorded_at"])).total_seconds()
            for at, event in story.listener.events
        ]
    what = "registration recorded to station's stream"
    return [
        Figure(f"{what}, p50", quantile(spent, 0.5), "ms", 50),
        Figure(f"{what}, p99", quantile(spent, 0.99), "ms", 250),
        Figure(f"lodge run, left behind by {ENROLMENTS} enrolments", left, "MB", 5),
    ]


async def _come_and_go(story: Story, first: int, last: int) -> None:
    """Register one person after another, each of whom leaves again."""
    for number in range(first, last):
        async with AsyncExitStack() as stack:
            story.stack, kept = stack, story.stack  # each phone goes with its holder
            tenant = await story.come_in("101", FIRST, today())
            await story.confirm(tenant, FIRST)
            await story.accepted(2 * number + 1)
            await story.part(tenant)
            await story.accepted(2 * number + 2)
            story.stack = kept
