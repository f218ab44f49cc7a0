"""What the system tests share."""

import pytest

from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.world import World, build


@pytest.fixture
async def world(stores: Stores, clock: FixedClock) -> World:
    return await build(stores, clock)
