"""What the system tests share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.model.locks import Opening
from gateway.demo.programs import BrokerProgram, free_port
from gateway.founding import lay
from gateway.settings import MappedLock
from gateway.wiring.box import Gateway
from gateway.wiring.opening import open_gateway
from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.lined import Lined, lined
from tests.system.scans import LOOKS
from tests.system.test_broker_link import until
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


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerProgram]:
    program = BrokerProgram(tmp_path / "broker", free_port())
    await program.start()
    yield program
    await program.stop()


@pytest.fixture
async def box(broker: BrokerProgram, tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = lay(tmp_path / "box", "127.0.0.1", free_port(), plain=True)
    for name, value in broker.environment(tmp_path / "box").items():
        field = name.removeprefix("LODGE_BROKER__").lower()
        known = {"port": int, "password_file": Path}.get(field, str)
        setattr(settings.broker, field, known(value))
    settings.mapped = [
        MappedLock(name="yard", command_topic="y/set", state_topic="y/state")
    ]
    gateway = open_gateway(settings)
    await gateway.begin()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gateway.link.run())
        await until(lambda: gateway.link.up)
        yield gateway
        running.cancel()
    await gateway.faces.close()
    await gateway.registry.close()
    gateway.stores.book.close()
