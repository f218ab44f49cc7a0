"""What the system tests share."""

import pytest

from devices.model.locks import Opening
from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.world import LOCK, World, build


@pytest.fixture
async def world(stores: Stores, clock: FixedClock) -> World:
    return await build(stores, clock)


@pytest.fixture
def opening(clock: FixedClock):
    """A lock's word that it opened by one of its own slots."""
    return lambda slot: Opening(LOCK.id, slot, "keypad", clock.now())
