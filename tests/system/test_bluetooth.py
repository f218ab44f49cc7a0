"""Door and phone over a virtual Bluetooth link, each in a process of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import pytest

from devices.model.keys import KeyKind, Refusal, WeekDays
from firmware_bridge.drivers.bluetooth import BluetoothKeys
from gateway.demo.programs import free_port
from gateway.wiring.tokens import make_holder, narrowed
from tests.system.test_broker_link import until
from tests.system.test_keys import issued
from tests.system.world import LOCK, World

PHONE = "gateway.demo.phone"


@dataclass
class Air:
    """A door in this process, a phone in another, the air between in a third."""

    world: World
    phones: list[str]
    folder: Path

    async def tap(self, token: bytes, key: str = "phone") -> dict:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PHONE, "tap", self.phones.pop()),
            *(str(self.folder / key), token.hex()),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        told, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return json.loads(told)


@pytest.fixture
async def air(world: World, tmp_path: Path) -> AsyncIterator[Air]:
    # A virtual adapter keeps what it knew of its last user: each phone has its own.
    ports = [free_port() for _ in range(7)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PHONE, "air"),
        *(f"tcp-server:127.0.0.1:{port}" for port in ports),
        stdout=PIPE,
    )
    assert await process.stdout.readline() == b"ready\n"
    door, *phones = (f"tcp-client:127.0.0.1:{port}" for port in ports)
    keys = BluetoothKeys(door, world.door.id, world.stores.houses, world.showing)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keys.run())
        await until(lambda: keys.link.up)
        yield Air(world, phones, tmp_path)
        running.cancel()
    process.terminate()
    await process.wait()


ALL_WEEK = WeekDays(frozenset(range(7)), time(0), time(0))
# The clock stands at noon.
LATER = WeekDays(frozenset(range(7)), time(12, 30), time(13))


async def test_every_kind_of_key_opens_and_refuses_over_the_air(
    air: Air, window
) -> None:
    world = air.world
    holder = bytes.fromhex(make_holder(air.folder / "phone"))
    lease = world.stores.keys.key((await world.registered(window)).key)
    told = [
        (lease, None),
        (await issued(world, KeyKind.VISIT), None),
        (await issued(world, KeyKind.RECURRING, pin=None, hours=ALL_WEEK), None),
        (await issued(world, KeyKind.RECURRING, pin=None, hours=LATER), "out_of_hours"),
    ]
    once = await issued(world, KeyKind.ONE_TIME, pin=None)
    told += [(once, None), (once, "used_up")]
    for key, refusal in told:
        token, _ = world.showing.cut(key, world.door.house, holder)
        assert (await air.tap(token)).get("why") == refusal
    assert world.driver.told.count(("release", LOCK.id)) == 4


async def test_a_phone_opens_over_the_air_and_a_thief_does_not(air: Air) -> None:
    world, key = air.world, await issued(air.world)
    holder = bytes.fromhex(make_holder(air.folder / "phone"))
    make_holder(air.folder / "thief")
    token, root = world.showing.cut(key, world.door.house, holder)
    assert await air.tap(token) == {"opened": True}
    assert ("release", LOCK.id) in world.driver.told
    stolen = await air.tap(token, "thief")
    assert stolen == {"opened": False, "why": Refusal.WRONG_HOLDER.value}
    guest = bytes.fromhex(make_holder(air.folder / "guest"))
    window = (key.starts, key.ends)
    small = narrowed(
        (token, root), air.folder / "phone", guest, window, [world.door.id]
    )
    assert await air.tap(small, "guest") == {"opened": True}
    await world.ekeys.end(world.stores.keys.key(key.id), "account")
    assert (await air.tap(token))["why"] == Refusal.REVOKED.value
    assert (await air.tap(b"rubbish"))["why"] == Refusal.FORGED.value
