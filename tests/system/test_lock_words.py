"""Whose word is believed: a bridge says again what it knows, over a real Mosquitto."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import aiomqtt
import pytest

from devices.model.keys import CredentialState, KeyKind
from devices.model.locks import Bolt, CommandState
from devices.model.places import Door, Landlord, LockId, Taker
from devices.service.credentials import SlotWord
from devices.service.ekeys import Order
from firmware_bridge.links.broker import Incoming
from gateway.demo.programs import BrokerProgram, mosquitto
from gateway.wiring.box import Gateway
from tests.system.test_broker_link import person, until
from tests.system.test_other_locks import MAPPED, details, heard

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
BASE = "zigbee2mqtt"
EXPOSES = [
    {"type": "lock", "features": [{"property": "state"}]},
    {"type": "composite", "property": "pin_code"},
]
CONFIRMED, WRITING = CredentialState.CONFIRMED, CredentialState.WRITING
CLEARING = CredentialState.CLEARING


def entry(address: str, name: str) -> dict:
    definition = {"model": "YRD226HA2619", "vendor": "Yale", "exposes": EXPOSES}
    return {
        "ieee_address": address,
        "friendly_name": name,
        "definition": definition,
    }


@dataclass
class Bridge:
    """zigbee2mqtt as it speaks: each message repeats all that it knows of a lock."""

    client: aiomqtt.Client
    box: Gateway
    cache: dict[str, dict] = field(default_factory=dict)
    told: list[tuple[str, dict]] = field(default_factory=list)

    async def lists(self, **names: str) -> None:
        listed = [entry(address, name) for name, address in names.items()]
        raw = json.dumps(listed)
        await self.client.publish(f"{BASE}/bridge/devices", raw, qos=1, retain=True)
        there = self.box.services.feed.named
        await until(
            lambda: all(there(n) and there(n).id == a for n, a in names.items())
        )

    async def says(self, name: str, *, retain: bool = False, **news) -> None:
        known = self.cache.setdefault(name, {"state": "LOCK", "lock_state": "locked"})
        known["linkquality"] = known.get("linkquality", 0) + 1
        known |= news
        raw = json.dumps(known)
        await self.client.publish(f"{BASE}/{name}", raw, qos=1, retain=retain)
        await self.settled()

    async def again(self, name: str) -> None:
        """Say again what is known, as it does when it starts."""
        raw = json.dumps(self.cache[name])
        await self.client.publish(f"{BASE}/{name}", raw, qos=1)
        await self.settled()

    async def settled(self) -> None:
        """Wait until the box has taken everything, and done what follows from it."""
        await heard(self.box, self.client)
        await self.box.services.credentials.settle()

    async def asked(self) -> list[tuple[str, dict]]:
        """Return what the bridge was told since it was last asked."""
        await self.client.publish("told/end", "{}", qos=1)
        found = []
        async for message in self.client.messages:
            if str(message.topic) == "told/end":
                return found
            found.append((str(message.topic), json.loads(bytes(message.payload))))
        return found


@pytest.fixture
async def bridge(box: Gateway, broker: BrokerProgram) -> AsyncIterator[Bridge]:
    async with person(broker) as client:
        for topic in (f"{BASE}/+/set", f"{BASE}/+/get", "told/end"):
            await client.subscribe(topic, qos=1)
        found = Bridge(client, box)
        await found.lists(front="0x1")
        await found.says("front")
        yield found


@pytest.fixture
async def door(bridge: Bridge) -> Door:
    box = bridge.box
    building = box.services.building
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101", "102"])
    return await building.hang(house.id, "front", LockId("0x1"))


async def visitor(box: Gateway, door: Door):
    now = box.stores.clock.now()
    order = Order(KeyKind.VISIT, "v", (now, now + timedelta(days=1)))
    return await box.services.ekeys.issue(order, [door], "account")


def state(box: Gateway, key) -> CredentialState:
    return box.services.ekeys.given(key)[0].state


def sent(told: list[tuple[str, dict]]) -> list[str | None]:
    """Which PINs were written, None where a slot was emptied."""
    return [
        message["pin_code"]["pin_code"]
        for topic, message in told
        if topic.endswith("/set") and "pin_code" in message
    ]


def held(status: str, slot: int = 1, **more) -> dict:
    return {str(slot): {"status": status, **more}}


async def test_a_word_that_was_said_before_confirms_no_pin(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    key = await visitor(box, door)
    await bridge.settled()
    await bridge.says("front", users=held("available"))  # before it was written
    assert state(box, key) is WRITING
    await bridge.says("front", users=held("enabled"))
    assert state(box, key) is CONFIRMED
    await bridge.asked()
    await box.services.ekeys.draw_pin(box.stores.keys.key(key.id))
    await bridge.settled()
    await bridge.says("front", battery=88)  # with the users of before
    assert state(box, key) is CLEARING
    assert sent(await bridge.asked()) == [None]
    await bridge.says("front", users=held("available"))
    await bridge.says("front", battery=87)
    assert state(box, key) is WRITING
    assert sent(await bridge.asked()) == [await box.services.ekeys.pin(key)]
    await bridge.says("front", users=held("enabled"))
    assert state(box, key) is CONFIRMED


async def test_a_slot_that_is_said_to_be_held_is_not_said_to_hold_this_pin(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    await bridge.says("front", users=held("enabled") | held("enabled", 2))
    key = await visitor(box, door)
    assert box.services.ekeys.given(key)[0].slot == 3
    await bridge.settled()
    await bridge.says("front", users=held("enabled", 3, pin_code="99887766"))
    assert state(box, key) is WRITING
    pin = await box.services.ekeys.pin(key)
    await bridge.says("front", users=held("enabled", 3, pin_code=pin))
    assert state(box, key) is CONFIRMED
    await bridge.says("front", users=held("enabled", 3, pin_code="99887766"))
    assert state(box, key) is CLEARING


async def test_nothing_that_the_broker_kept_confirms_a_pin_or_an_opening(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    key = await visitor(box, door)
    await bridge.settled()
    raw = {"lock_state": "unlocked", "state": "UNLOCK", "users": held("enabled")}
    locks = box.services.locks
    before = locks.find(door.lock).seen_at
    await box.services.asking.open_for(door, "account")
    await box.services.feed.take(retained(raw))
    assert state(box, key) is WRITING
    assert locks.command(door.lock) is CommandState.ACKNOWLEDGED
    assert locks.find(door.lock).seen_at == before


def retained(told: dict):
    return Incoming(f"{BASE}/front", json.dumps(told).encode(), retained=True)


async def test_a_lock_that_was_open_before_confirms_no_opening(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    locks = box.services.locks
    await bridge.says("front", state="UNLOCK", lock_state="unlocked")
    await box.services.asking.open_for(door, "account")
    await bridge.says("front", battery=80)
    assert locks.command(door.lock) is CommandState.ACKNOWLEDGED
    await bridge.says("front", state="LOCK", lock_state="locked")
    await bridge.says("front", state="UNLOCK", lock_state="unlocked")
    assert locks.command(door.lock) is CommandState.CONFIRMED


async def test_the_locks_own_event_confirms_an_opening_and_is_booked_once(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    locks = box.services.locks
    await bridge.says("front", state="UNLOCK", lock_state="unlocked")
    await box.services.asking.open_for(door, "account")
    own = {"action": "unlock", "action_source_name": "rf", "action_user": 0}
    raw = json.dumps(bridge.cache["front"] | own)
    await bridge.client.publish(f"{BASE}/front", raw, qos=1)
    await bridge.settled()
    assert locks.command(door.lock) is CommandState.CONFIRMED
    assert await details(box, door.id) == ["granted"]


async def test_what_a_bridge_says_again_is_not_heard_of_the_lock(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    seen = box.services.locks.seen
    before = seen[door.lock].seen_at
    await bridge.again("front")
    assert seen[door.lock].seen_at == before
    await bridge.says("front", last_seen="2026-11-30T08:00:00.000Z")
    before = seen[door.lock].seen_at
    await bridge.says("front", battery=70)
    assert seen[door.lock].seen_at == before
    assert seen[door.lock].battery == 70
    await bridge.says("front", last_seen="2026-11-30T08:05:00.000Z")
    assert seen[door.lock].seen_at > before


@pytest.mark.parametrize("told", ['{"state":"offline"}', "offline"])
async def test_a_bridge_that_is_gone_reaches_no_lock(
    box: Gateway, bridge: Bridge, door: Door, told: str
) -> None:
    seen = box.services.locks.seen
    there = f"{BASE}/front/availability"
    await bridge.client.publish(there, '{"state":"online"}', qos=1, retain=True)
    await until(lambda: seen[door.lock].reachable is True)
    health = f"{BASE}/bridge/state"
    await bridge.client.publish(health, told, qos=1, retain=True)
    await until(lambda: seen[door.lock].reachable is False)
    await bridge.client.publish(there, '{"state":"online"}', qos=1, retain=True)
    await bridge.settled()
    assert seen[door.lock].reachable is False
    await bridge.asked()
    back = told.replace("offline", "online")
    await bridge.client.publish(health, back, qos=1, retain=True)
    await until(lambda: seen[door.lock].reachable is True)
    await bridge.settled()
    assert (f"{BASE}/front/get", {"state": ""}) in await bridge.asked()


async def test_a_lock_that_took_anothers_name_is_not_taken_for_it(
    box: Gateway, bridge: Bridge
) -> None:
    """The dead lock was taken off, and another was paired under its name."""
    seen = box.services.locks.seen
    await bridge.lists(front="0x2")
    await bridge.says("front", state="UNLOCK", lock_state="unlocked")
    assert seen[LockId("0x2")].bolt is Bolt.UNLOCKED
    assert seen[LockId("0x1")].bolt is Bolt.LOCKED
    assert box.services.locks.left == {"0x1"}


async def test_a_lock_that_left_is_not_there_to_be_hung(
    box: Gateway, bridge: Bridge
) -> None:
    async def free() -> list[str]:
        found = await box.services.building.free_locks(Taker("account", alone=True))
        return [lock.id for lock in found if not lock.id.startswith("mqtt:")]

    assert await free() == ["0x1"]
    await bridge.lists(side="0x3")
    assert await free() == ["0x3"]


async def test_a_name_of_zigbee2mqtts_tells_nothing_to_another_drivers_lock(
    box: Gateway, bridge: Bridge
) -> None:
    """The config maps a lock that is called `yard` as well."""
    await bridge.lists(yard="0x4")
    await bridge.says("yard", state="UNLOCK", battery=55)
    seen = box.services.locks.seen
    assert (seen[LockId("0x4")].battery, seen[MAPPED].battery) == (55, None)


async def test_a_lock_that_left_is_told_nothing_by_its_old_name(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    """Another lock goes by it now: its door would open, and its codes be cleared."""
    key = await visitor(box, door)
    await bridge.lists(front="0x2")
    await bridge.settled()
    await bridge.asked()
    await box.services.asking.open_for(door, "account")
    await box.services.ekeys.draw_pin(key)
    await bridge.settled()
    assert [told for told in await bridge.asked() if told[0].endswith("/set")] == []
    assert box.services.locks.command(door.lock) is CommandState.FAILED


@pytest.mark.parametrize("seen", ["2026-11-30T09:00:00+01:00", "2026-11-30T09:00:00Z"])
async def test_words_of_one_second_are_each_the_locks_own(
    box: Gateway, bridge: Bridge, door: Door, seen: str
) -> None:
    """As with `last_seen: ISO_8601_local`, which knows no parts of seconds."""
    key = await visitor(box, door)
    await bridge.settled()
    await bridge.says("front", last_seen=seen, users=held("available"))
    await bridge.says("front", last_seen=seen, users=held("enabled"))
    assert state(box, key) is CONFIRMED


async def test_a_pin_that_somebody_else_put_there_is_not_called_ours(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    """Nobody asked of the slot before, and the lock refuses what is written to it."""
    key = await visitor(box, door)
    await bridge.settled()
    for _ in range(3):
        await bridge.says("front", users=held("enabled"))
        assert state(box, key) is not CONFIRMED


async def test_what_a_bridge_says_first_after_a_start_may_be_years_old(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    feed, locks = box.services.feed, box.services.locks
    feed._last_heard.clear()  # as a box that has just started
    before = locks.find(door.lock).seen_at
    await bridge.says("front", battery=3)
    assert locks.find(door.lock).seen_at == before
    feed._last_heard.clear()
    await box.services.asking.open_for(door, "account")
    await bridge.says("front", state="UNLOCK", lock_state="unlocked")
    assert locks.command(door.lock) is CommandState.CONFIRMED


async def test_a_pin_that_stays_in_a_bridges_cache_takes_no_good_one_away(
    box: Gateway, bridge: Bridge, door: Door
) -> None:
    """As where `expose_pin` was on once: the status goes on, the old PIN stays."""
    stale = {"pin_code": "99887766"}
    await bridge.says("front", users=held("available", **stale))
    key = await visitor(box, door)
    await bridge.settled()
    for battery in range(5):
        await bridge.says("front", battery=battery, users=held("enabled", **stale))
        assert state(box, key) is CONFIRMED


async def test_words_do_not_overtake_each_other_on_a_slow_disk(
    box: Gateway, door: Door
) -> None:
    words = [SlotWord(1, held=False), SlotWord(2, held=False)]
    later = [SlotWord(1, held=True), SlotWord(2, held=True)]
    hear = box.services.credentials.hear_all
    await hear(door.lock, words)
    await asyncio.gather(hear(door.lock, words), hear(door.lock, later))
    assert box.services.credentials.said[door.lock] == {1: True, 2: True}


async def test_names_of_nobody_fill_no_memory(box: Gateway, bridge: Bridge) -> None:
    for number in range(50):
        await bridge.client.publish(f"{BASE}/nobody{number}", '{"battery":1}', qos=1)
    await bridge.settled()
    assert set(box.services.feed._last_heard) == {"front"}
