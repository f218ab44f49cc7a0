"""What the system tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.model.locks import Opening
from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.lined import Lined, lined
from tests.system.scans import LOOKS
from tests.system.world import LOCK, World, build


@pytest.fixture
async def world(stores: Stores, clock: FixedClock) -> World:
    return await build(stores, clock)


@pytest.fixture
def opening(clock: FixedClock):
    """A lock's word that it opened by one of its own slots."""
    return lambda slot: Opening(LOCK.id, slot, "keypad", clock.now())


@pytest.fixture
async def hall(
    stores: Stores, clock: FixedClock, tmp_path: Path
) -> AsyncIterator[Lined]:
    async with lined(stores, clock, tmp_path) as found:
        await found.good()
        yield found


@pytest.fixture
def house(world: World) -> World:
    world.faces.shows = {name.encode(): seen for name, seen in LOOKS.items()}
    return world
