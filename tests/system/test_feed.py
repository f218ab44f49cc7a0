"""What zigbee2mqtt says, on a real ledger."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from devices.adapters import rows
from devices.model.locks import Bolt, CommandState
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttFeed
from firmware_bridge.links.broker import Incoming
from tests.system.world import LOCK, World


async def said(feed: Zigbee2mqttFeed, topic: str, raw: bytes, **more) -> None:
    kept = feed.take(Incoming(f"z/{topic}", raw, more.get("retained", False)))
    if kept is not None:
        await kept


@pytest.mark.parametrize(
    ("topic", "raw"),
    [
        ("nobody", b'{"state":"UNLOCK","action":"unlock","action_user":1}'),
        ("nobody", b'{"action":"disarm","action_code":"471193"}'),
        ("nobody/availability", b"online"),
        ("front", b"not json"),
        ("front", b"x" * 5_000_000),
        ("front", b'{"users":{"999":{"status":"enabled"}}}'),
        ("bridge/devices", b'[{"ieee_address":7}]'),
    ],
)
async def test_a_message_that_means_nothing_here_changes_nothing(
    world: World, window, topic: str, raw: bytes
) -> None:
    await world.registered(window)
    feed = world.feed
    await feed.refresh()
    before = world.locks.find(LOCK.id)
    await said(feed, topic, raw)
    assert replace(world.locks.find(LOCK.id), seen_at=None) == replace(
        before, seen_at=None
    )
    assert ("release", LOCK.id) not in world.driver.told
    await said(feed, "front", b'{"state":"LOCK","lock_state":"locked"}')
    assert world.locks.find(LOCK.id).bolt is Bolt.LOCKED


SPEECH = [
    {"action": "disarm", "action_code": "123123", "action_zone": 0},
    {"action": "unlock", "action_user": 1, "action_source_name": "keypad"},
    {"state": "UNLOCK", "lock_state": "unlocked", "battery": 90},
    {"users": {"1": {"status": "enabled"}}},
    [
        {
            "ieee_address": "0x1",
            "friendly_name": "front",
            "definition": {"exposes": [{"type": "lock"}]},
        }
    ],
]


async def test_no_spoilt_message_opens_a_door_or_stops_the_feed(
    world: World, window
) -> None:
    await world.registered(window)
    feed = world.feed
    await feed.refresh()
    chance = random.Random(7)  # noqa: S311 - the test's own choices
    for _ in range(3000):
        raw = bytearray(json.dumps(chance.choice(SPEECH)).encode())
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        if chance.random() < 0.1:
            del raw[chance.randrange(len(raw)) :]
        topic = chance.choice(["front", "pad", "bridge/devices", "front/availability"])
        await said(feed, topic, bytes(raw))
    assert ("release", LOCK.id) not in world.driver.told
    await said(feed, "bridge/devices", json.dumps(SPEECH[-1]).encode())
    await said(feed, "front", b'{"state":"LOCK","lock_state":"locked"}')
    assert world.locks.find(LOCK.id).bolt is Bolt.LOCKED


async def test_a_device_speaks_in_no_others_name(world: World, window) -> None:
    await world.registered(window)
    feed = world.feed
    await feed.refresh()
    entry = {"definition": {"model": "M", "exposes": [{"type": "lock"}]}}
    claims = [
        {**entry, "ieee_address": "0x1", "friendly_name": "front"},
        {**entry, "ieee_address": "0xbad", "friendly_name": "front"},
    ]
    await said(feed, "bridge/devices", json.dumps(claims).encode())
    assert feed.named("front").id == LOCK.id
    await said(feed, "imposter", b'{"state":"UNLOCK","lock_state":"unlocked"}')
    assert world.locks.find(LOCK.id).bolt is Bolt.UNKNOWN


async def test_a_retained_code_opens_nothing_and_a_fresh_one_does(
    world: World, window
) -> None:
    pin = await world.pin(await world.registered(window))
    feed = world.feed
    await feed.refresh()
    typed = f'{{"action":"disarm","action_code":"{pin}"}}'.encode()
    await said(feed, "pad", typed, retained=True)
    assert ("release", LOCK.id) not in world.driver.told
    await said(feed, "pad", typed)
    assert ("release", LOCK.id) in world.driver.told


async def test_an_unlock_is_unknown_until_the_lock_confirms_it(
    world: World, window
) -> None:
    pin = await world.pin(await world.registered(window))
    await world.access.present(world.door, pin)
    assert world.locks.command(LOCK.id) is CommandState.ACKNOWLEDGED
    world.clock.move(timedelta(seconds=11))
    assert world.locks.command(LOCK.id) is CommandState.UNKNOWN
    feed = world.feed
    await said(feed, "front", b'{"state":"LOCK","lock_state":"locked"}')
    await said(feed, "front", b'{"state":"UNLOCK","lock_state":"unlocked"}')
    assert world.locks.command(LOCK.id) is CommandState.CONFIRMED


async def booked(world: World) -> list[str]:
    query = select(rows.door_event.c.detail).where(rows.door_event.c.kind == "opening")
    return await world.stores.book.read(lambda c: list(c.execute(query).scalars()))


def nimly(bolt: str, user: int, source: str = "keypad") -> bytes:
    """What an Onesti lock says, over and over: who opened it last."""
    told = {"state": bolt, "last_unlock_user": str(user), "last_unlock_source": source}
    return json.dumps(told).encode()


async def later(world: World, seconds: int = 3) -> None:
    world.clock.move(timedelta(seconds=seconds))
    await world.feed.tick()


async def test_one_who_opens_twice_is_booked_twice(world: World) -> None:
    feed = world.feed
    await feed.refresh()
    await said(feed, "front", nimly("LOCK", 0))
    for _ in range(3):
        await said(feed, "front", nimly("UNLOCK", 3))
        await later(world)
        for _ in range(2):
            await said(feed, "front", nimly("LOCK", 3))
        await later(world)
    assert await booked(world) == ["keypad"] * 3


async def test_who_opened_is_who_the_lock_says_it_was(world: World) -> None:
    """The bolt is told first, with the user before; then who it was."""
    feed = world.feed
    await feed.refresh()
    for bolt, user in (("LOCK", 0), ("UNLOCK", 3), ("LOCK", 3), ("UNLOCK", 3)):
        await said(feed, "front", nimly(bolt, user))
    await said(feed, "front", nimly("UNLOCK", 5, "fingerprint"))
    await later(world)
    assert await booked(world) == ["keypad", "fingerprint"]


@pytest.mark.parametrize("first", ["", "keypad"])
async def test_one_opening_told_in_two_words_is_booked_once(
    world: World, first: str
) -> None:
    feed = world.feed
    await feed.refresh()
    words = [first, "keypad" if not first else ""]
    for source in words:
        told = {"action": "unlock", "action_source_name": source or None}
        await said(feed, "front", json.dumps(told).encode())
    await later(world)
    assert await booked(world) == ["keypad"]


async def test_an_opening_that_is_never_explained_is_booked_as_it_is(
    world: World,
) -> None:
    feed = world.feed
    await feed.refresh()
    await said(feed, "front", b'{"action":"unlock"}')
    assert await booked(world) == []
    await later(world)
    assert await booked(world) == ["unknown"]


async def test_what_lodge_opened_is_nobody_elses_opening(world: World, window) -> None:
    """The state goes on naming who opened last, whoever opens now."""
    feed = world.feed
    await world.registered(window)
    await feed.refresh()
    await said(feed, "front", nimly("LOCK", 0))
    await said(feed, "front", nimly("LOCK", 3))
    before = await booked(world)
    await world.locks.release(LOCK.id)
    await said(feed, "front", nimly("UNLOCK", 3))
    await said(feed, "front", nimly("UNLOCK", 0, "zigbee"))
    await later(world)
    assert await booked(world) == before
