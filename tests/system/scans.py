"""Somebody before the camera, who does what he is asked or something else."""

from dataclasses import replace
from datetime import timedelta

from enrolment.model.faces import ScanState
from enrolment.model.leases import FacePath, Lease
from enrolment.service.scanning import Progress
from tests.system.world import World
from tests.unit.test_liveness import AHEAD, SHOWN

LOOKS = {"ahead": AHEAD} | {
    each.value: replace(AHEAD, **change) for each, change in SHOWN.items()
}


async def chosen(world: World, window, room: int = 0) -> Lease:
    lease = await world.identified(window, FacePath.SCAN, room)
    assert await world.shown.take(lease, b"document") is None
    return lease


async def scanned(
    world: World, lease: Lease, declined=(), does=lambda asked: asked
) -> tuple[Lease, Progress]:
    """Be somebody before the camera who does what he is asked."""
    begun = await world.scanning.begin(lease, declined)
    shots = [b"ahead"] * 4
    told = Progress(ScanState.UNDER_WAY, 0, len(begun.asked))
    at = 0.0
    for _ in range(30):
        frames = []
        for shot in shots:
            at += 0.2
            frames.append((at, shot))
        world.clock.move(timedelta(seconds=0.2 * len(shots)))
        lease, told = await world.scanning.take(lease, begun.nonce, frames)
        if told.state is not ScanState.UNDER_WAY:
            return lease, told
        asked = does(told.challenge)
        shots = [b"ahead", *[asked.value.encode() if asked else b"ahead"] * 3]
    return lease, told
