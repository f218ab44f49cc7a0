"""Keypads behind zigbee2mqtt, over a Mosquitto: one press is one try, and answered."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import aiomqtt
import pytest

from devices.model.keys import KeyKind
from devices.model.locks import Bolt, Lock
from devices.model.places import Door, Landlord, LockId
from devices.service.ekeys import Order
from firmware_bridge.drivers import presses
from gateway.demo.programs import BrokerProgram, mosquitto
from gateway.wiring.box import Gateway
from tests.system.test_broker_link import person, until
from tests.system.test_other_locks import MAPPED, details, heard

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
BASE = "zigbee2mqtt"
GOOD, WRONG, SHUT = presses.GOOD, presses.WRONG, presses.SHUT


def entry(*exposes: str) -> dict:
    listed = [{"type": "text", "property": each} for each in exposes]
    return {
        "ieee_address": "0x9",
        "friendly_name": "pad",
        "definition": {"model": "KEYZB-110", "exposes": listed},
    }


@dataclass
class Pad:
    """A keypad beside the door of the mapped lock, which a test plays as well."""

    box: Gateway
    client: aiomqtt.Client
    door: Door
    number: int = 7

    async def lists(self, *exposes: str) -> None:
        raw = json.dumps([entry(*exposes)])
        await self.client.publish(f"{BASE}/bridge/devices", raw, qos=1, retain=True)
        await heard_of(self)

    async def press(self, code: str | None, action: str = "disarm", **more) -> None:
        told = {"action": action, "action_code": code, "action_zone": 23}
        told |= {"action_transaction": self.number, **more}
        await self.client.publish(f"{BASE}/pad", json.dumps(told), qos=1)
        self.number = (self.number + 1) % 256
        await heard_of(self)

    async def told(self) -> tuple[list[str], list]:
        """Say how often the lock was told, and what the keypad was answered."""
        await self.client.publish("told/end", "", qos=1)
        unlocks, answers = [], []
        while str((message := await anext(self.client.messages)).topic) != "told/end":
            if str(message.topic) == "y/set":
                unlocks.append(bytes(message.payload).decode())
            else:
                arm = json.loads(bytes(message.payload))["arm_mode"]
                answers.append((arm.get("transaction"), arm["mode"]))
        return unlocks, answers


async def heard_of(pad: Pad) -> None:
    await pad.client.publish(f"{BASE}/mark", "{}", qos=1)
    await pad.client.publish(f"{BASE}/mark", "{}", qos=1)
    await until(lambda: not pad.box.link._client._waiting)
    await heard(pad.box, pad.client)


@pytest.fixture
async def pad(box: Gateway, broker: BrokerProgram, monkeypatch) -> AsyncIterator[Pad]:
    monkeypatch.setattr(presses, "ANSWER_WITHIN", 0.3)
    building = box.services.building
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["1", "2"])
    door = await building.hang(house.id, "door", MAPPED, "pad")
    async with person(broker) as client:
        for topic in ("y/set", f"{BASE}/pad/set", "told/end"):
            await client.subscribe(topic, qos=1)
        found = Pad(box, client, door)
        await found.lists("action_code", "action_transaction")
        await found.told()
        yield found


async def pin_at(pad: Pad) -> str:
    now = pad.box.stores.clock.now()
    order = Order(KeyKind.VISIT, "v", (now, now + timedelta(days=1)))
    key = await pad.box.services.ekeys.issue(order, [pad.door], "account")
    return await pad.box.services.ekeys.pin(key)


async def shut(pad: Pad) -> None:
    """Have the lock say that its bolt is out."""
    await pad.client.publish("y/state", "LOCKED", qos=1)
    await until(lambda: pad.box.services.locks.seen[MAPPED].bolt is Bolt.LOCKED)


async def test_a_good_code_opens_and_is_answered_under_its_number(pad: Pad) -> None:
    await pad.press(await pin_at(pad))
    unlocks, answers = await pad.told()
    assert unlocks == ["UNLOCK"]
    assert answers == [(7, GOOD), (None, GOOD)]


async def test_a_wrong_code_is_answered_as_such(pad: Pad) -> None:
    await pad.press("999999")
    assert await pad.told() == ([], [(7, WRONG)])
    assert await details(pad.box, pad.door.id) == ["unknown_key"]


async def test_keys_pressed_without_a_code_are_no_wrong_codes(pad: Pad) -> None:
    for action in ("arm_all_zones", "arm_day_zones", "disarm") * 3:
        await pad.press("", action)
    unlocks, answers = await pad.told()
    assert not unlocks
    assert {mode for _, mode in answers} == {SHUT, WRONG}
    assert not await details(pad.box, pad.door.id)
    await pad.press(await pin_at(pad))
    assert (await pad.told())[0] == ["UNLOCK"]


async def test_to_arm_is_not_to_open(pad: Pad) -> None:
    pin = await pin_at(pad)
    await pad.press(pin, "arm_all_zones")
    assert await pad.told() == ([], [(7, SHUT)])


@pytest.mark.parametrize("code", ["good", "wrong"])
async def test_a_press_that_comes_again_is_one_try_and_answered_each_time(
    pad: Pad, code: str
) -> None:
    typed = await pin_at(pad) if code == "good" else "999999"
    for _ in range(4):
        await pad.press(typed, action_transaction=3)
    unlocks, answers = await pad.told()
    assert len(unlocks) == (code == "good")
    assert [n for n, _ in answers if n is not None] == [3] * 4
    assert len(await details(pad.box, pad.door.id)) == 1


async def test_a_keypad_that_counts_its_repeats_makes_one_wrong_try_of_them(
    pad: Pad,
) -> None:
    for _ in range(4):
        await pad.press("999999")
    _, answers = await pad.told()
    assert answers == [(7, WRONG), (8, WRONG), (9, WRONG), (10, WRONG)]
    assert await details(pad.box, pad.door.id) == ["unknown_key"]


async def test_who_types_again_after_the_door_has_shut_comes_in(pad: Pad) -> None:
    pin = await pin_at(pad)
    await pad.press(pin)
    await shut(pad)
    await pad.press(pin)
    assert (await pad.told())[0] == ["UNLOCK", "UNLOCK"]


async def test_a_code_of_four_digits_opens(pad: Pad, monkeypatch) -> None:
    monkeypatch.setattr("devices.service.pins.length", lambda _: 4)
    pin = await pin_at(pad)
    assert len(pin) == 4
    await pad.press(pin)
    assert (await pad.told())[0] == ["UNLOCK"]


async def test_a_tag_is_a_card(pad: Pad) -> None:
    await pin_at(pad)
    [key] = pad.box.stores.keys.every()
    pad.box.services.cards.wait_for(pad.door, key)
    await pad.press("+3DD5FCFF")
    assert pad.box.services.ekeys.cards(key)
    await shut(pad)
    await pad.press("+3dd5fcff", action_transaction=None)
    assert (await pad.told())[0] == ["UNLOCK"]


async def test_a_lock_that_is_not_there_is_not_said_to_be_open(pad: Pad) -> None:
    locks = pad.box.services.locks
    pin = await pin_at(pad)
    lost = locks.seen[MAPPED]
    locks.hear(type(lost)(MAPPED, lost.name, reachable=False))
    await pad.press(pin)
    _, answers = await pad.told()
    assert answers == [(7, SHUT)]


async def test_a_keypad_that_takes_no_answer_is_told_nothing(pad: Pad) -> None:
    await pad.lists("action_code")
    await pad.press(await pin_at(pad))
    assert await pad.told() == (["UNLOCK"], [])


async def test_a_keypad_stands_ready_once_its_bridge_is_back(pad: Pad) -> None:
    state = f"{BASE}/bridge/state"
    await pad.client.publish(state, '{"state":"offline"}', qos=1)
    await pad.client.publish(state, '{"state":"online"}', qos=1)
    await heard_of(pad)
    assert await pad.told() == ([], [(None, GOOD)])


async def test_a_keypad_stands_ready_once_it_hangs_beside_a_door(pad: Pad) -> None:
    """Hung while its bridge was there all along."""
    raw = json.dumps(
        [entry("action_code", "action_transaction") | {"friendly_name": "pad2"}]
    )
    await pad.client.publish(f"{BASE}/bridge/devices", raw, qos=1)
    await heard_of(pad)
    await pad.client.subscribe(f"{BASE}/pad2/set", qos=1)
    locks, building = pad.box.services.locks, pad.box.services.building
    locks.discover([Lock(LockId("0x7"), "back", "YRD", 30)])
    await building.hang(pad.door.house, "back", LockId("0x7"), "pad2")
    assert await pad.told() == ([], [(None, GOOD)])


async def test_what_is_no_press_is_no_try(pad: Pad) -> None:
    for told in (
        {"action": "", "action_code": None, "action_transaction": None},
        {"action": None, "action_code": None, "battery": 90},
        {"action": "panic"},
        {"action": "emergency", "battery": 90},
        {"occupancy": True},
    ):
        await pad.client.publish(f"{BASE}/pad", json.dumps(told), qos=1)
    await heard_of(pad)
    assert await pad.told() == ([], [])
    assert not await details(pad.box, pad.door.id)
