"""Registration committed on the box to event on the station's stream."""

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from bench.figure import Figure, quantile
from gateway.demo.pictures import Pictures
from gateway.demo.scene import FIRST, today
from gateway.demo.story import Story

TIMES = 30


async def measure(folder: Path) -> list[Figure]:
    """Return p50 and p99 of 30 registrations and departures, in milliseconds."""
    async with AsyncExitStack() as stack:
        story = Story(folder, Pictures.find(), stack)
        await story.begin()
        await story.register_house()
        for number in range(TIMES // 2):
            tenant = await story.come_in("101", FIRST, today())
            await story.confirm(tenant, FIRST)
            await story.accepted(2 * number + 1)
            await story.landlord.send(f"{tenant.lease}/end", {})
            await story.accepted(2 * number + 2)
        spent = [
            1000 * (at - datetime.fromisoformat(event["recorded_at"])).total_seconds()
            for at, event in story.listener.events
        ]
    return [
        Figure(
            "registration recorded to station's stream, p50",
            quantile(spent, 0.5),
            "ms",
            50,
        ),
        Figure(
            "registration recorded to station's stream, p99",
            quantile(spent, 0.99),
            "ms",
            250,
        ),
    ]
