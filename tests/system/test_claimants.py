"""Who is which lock: two that claim one id, one that moves, one that takes another's
place; over a real Mosquitto."""

import json
from datetime import timedelta

import pytest

from devices.model.errors import (
    LockTaken,
    NoCommonLength,
    NoFreeSlot,
    UnknownDoor,
)
from devices.model.keys import CredentialState, KeyKind
from devices.model.locks import Bolt, CommandState, Digits, Lock
from devices.model.places import Door, Landlord, LockId, Taker
from devices.model.tasks import Incident
from devices.service.ekeys import Order
from gateway.demo.programs import BrokerProgram, mosquitto
from gateway.wiring.box import Gateway
from gateway.wiring.opening import open_gateway
from tests.system.test_broker_link import until
from tests.system.test_other_locks import heard, listening, said

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
ID = LockId("ha:ESPlockdoor")
ALONE = Taker("account", alone=True)


def topic(room: str) -> str:
    return f"homeassistant/lock/{room}/door/config"


def config(room: str, **more) -> dict:
    """What every ESPHome template announces: the same id, whichever room it is."""
    return {
        "name": "Door",
        "uniq_id": "ESPlockdoor",
        "stat_t": f"{room}/lock/door/state",
        "cmd_t": f"{room}/lock/door/command",
        **more,
    }


async def announce(box: Gateway, client, room: str, where: str = "", **more) -> None:
    told = json.dumps(config(room, **more))
    await client.publish(topic(where or room), told, qos=1, retain=True)
    await heard(box, client)


async def hang(box: Gateway, lock: LockId) -> Door:
    building = box.services.building
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["1", "2"])
    return await building.hang(house.id, "door", lock, by=ALONE)


def command(room: str) -> tuple[str, bytes]:
    return f"{room}/lock/door/command", b"UNLOCK"


async def told(box: Gateway, client, door: Door) -> tuple[str, bytes]:
    """Open a door, and say which lock was told."""
    await box.services.asking.open_for(door, "account")
    return await said(client)


async def test_of_two_with_one_id_the_second_is_not_told_to_open_the_first(
    box: Gateway, broker: BrokerProgram
) -> None:
    announcing = box.services.announcing
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        await announce(box, client, "room102")
        assert [each.place for each in announcing.rivals(ID)] == [command("room102")[0]]
        door = await hang(box, ID)
        assert await told(box, client, door) == command("room101")
        await client.publish("room102/lock/door/state", "UNLOCKED", qos=1)
        await heard(box, client)
        assert box.services.locks.seen[ID].bolt is Bolt.UNKNOWN


async def test_a_person_chooses_which_of_two_hangs_on_his_door(
    box: Gateway, broker: BrokerProgram
) -> None:
    announcing, building = box.services.announcing, box.services.building
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        await announce(box, client, "room102")
        free = await building.free_locks(ALONE)
        choices = dict(announcing.choices(each for each in free if each.id == ID))
        second = next(v for v, text in choices.items() if "room102" in text)
        assert len(choices) == 2
        lock, which = announcing.meant(second)
        await announcing.choose(which, lock)
        door = await hang(box, lock)
        assert await told(box, client, door) == command("room102")
        await client.publish("room102/lock/door/state", "UNLOCKED", qos=1)
        await heard(box, client)
        assert box.services.locks.seen[ID].bolt is Bolt.UNLOCKED
        with pytest.raises(UnknownDoor):
            await announcing.choose("nothing", ID)


@pytest.mark.parametrize("where", ["room101", "elsewhere"])
async def test_a_later_announcement_moves_no_lock_that_hangs(
    box: Gateway, broker: BrokerProgram, where: str
) -> None:
    announcing = box.services.announcing
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        door = await hang(box, ID)
        await announce(box, client, "attic", where)
        assert await told(box, client, door) == command("room101")
        [rival] = announcing.rivals(ID)
        await announcing.choose(rival.id, ID)
        assert await told(box, client, door) == command("attic")
        if where == "room101":
            assert not announcing.rivals(ID)


async def test_a_lock_that_does_not_hang_follows_its_own_announcement(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        await announce(box, client, "attic", "room101")
        assert not box.services.announcing.rivals(ID)
        door = await hang(box, ID)
        assert await told(box, client, door) == command("attic")


async def test_what_a_lock_says_otherwise_at_its_own_place_is_taken(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        door = await hang(box, ID)
        await announce(box, client, "room101", pl_open="OPEN")
        place, _ = command("room101")
        assert await told(box, client, door) == (place, b"OPEN")


async def test_a_lock_that_is_taken_back_is_gone_and_another_topic_is_its_heir(
    box: Gateway, broker: BrokerProgram
) -> None:
    locks = box.services.locks
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        door = await hang(box, ID)
        await announce(box, client, "room101", "renamed")
        assert not box.services.announcing.rivals(ID)
        await client.publish(topic("room101"), "", qos=1, retain=True)
        await heard(box, client)
        assert ID not in locks.left
        await client.publish(topic("renamed"), '""', qos=1, retain=True)
        await heard(box, client)
        assert ID in locks.left
        assert await told(box, client, door) == command("room101")
        await announce(box, client, "room101")
        assert ID not in locks.left


async def test_a_lock_that_was_taken_back_before_it_hung_is_not_there(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "x") as client:
        await announce(box, client, "room101")
        await client.publish(topic("room101"), "", qos=1, retain=True)
        await heard(box, client)
        free = await box.services.building.free_locks(ALONE)
        assert ID not in {each.id for each in free}


async def test_an_announcement_that_the_broker_does_not_keep_is_known_after_a_restart(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "homeassistant/status") as client:
        await client.publish(topic("room101"), json.dumps(config("room101")), qos=1)
        await heard(box, client)
        door = await hang(box, ID)
    box.stores.book.close()
    again = open_gateway(box.settings)
    try:
        await again.begin()
        plan = again.services.locks.driver.drivers["ha"].plans[ID]
        assert plan.command_topic == command("room101")[0]
        assert ("room101/lock/door/state") in again.link.topics
        assert (await again.stores.houses.door(door.id)).lock == ID
    finally:
        await again.faces.close()
        await again.registry.close()
        again.stores.book.close()


async def test_home_assistants_birth_is_said_with_every_connection(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "homeassistant/status") as client:
        box.link._client._client.disconnect()
        assert await said(client) == ("homeassistant/status", b"online")


async def test_what_cannot_be_used_is_told_with_why_until_it_is_mended(
    box: Gateway, broker: BrokerProgram
) -> None:
    unusable = box.services.announcing.unusable
    async with listening(broker, "x") as client:
        await announce(box, client, "room101", val_tpl="{{ now() }}")
        [each] = unusable.values()
        assert (each.name, each.fault.value) == ("Door", "template")
        assert "now" in each.detail
        await announce(box, client, "room101")
        assert not unusable


@pytest.fixture
async def door(box: Gateway) -> Door:
    locks = [Lock(LockId("0x1"), "front", "YRD", 30)]
    locks += [Lock(LockId("0x2"), "new", "YRD", 30), Lock(LockId("0x3"), "few", "M", 2)]
    box.services.locks.discover([*locks, Lock(LockId("0x4"), "bare", "M")])
    return await hang(box, LockId("0x1"))


async def visitor(box: Gateway, door: Door):
    now = box.stores.clock.now()
    order = Order(KeyKind.VISIT, "v", (now, now + timedelta(days=1)))
    return await box.services.ekeys.issue(order, [door], "account")


async def test_keys_go_on_at_a_lock_that_takes_anothers_place(
    box: Gateway, door: Door
) -> None:
    first, second = await visitor(box, door), await visitor(box, door)
    ekeys, replacing = box.services.ekeys, box.services.replacing
    await ekeys.end(second, "account")
    pin = await ekeys.pin(first)
    hung = await replacing.replace(door, LockId("0x2"), ALONE)
    assert hung.lock == (await box.stores.houses.door(door.id)).lock == "0x2"
    [given] = ekeys.given(box.stores.keys.key(first.id))
    assert (given.lock, given.state) == ("0x2", CredentialState.WAITING)
    assert await ekeys.pin(first) == pin
    assert box.stores.keys.find(box.stores.keys.digest(LockId("0x2"), pin)) is not None
    assert box.stores.keys.find(box.stores.keys.digest(LockId("0x1"), pin)) is None
    assert box.services.credentials.ready(box.stores.keys.key(first.id))
    free = {each.id for each in await box.services.building.free_locks(ALONE)}
    assert "0x1" in free


async def test_a_lock_with_too_few_slots_takes_no_place(
    box: Gateway, door: Door
) -> None:
    keys = [await visitor(box, door), await visitor(box, door)]
    with pytest.raises(NoFreeSlot):
        await box.services.replacing.replace(door, LockId("0x3"), ALONE)
    assert (await box.stores.houses.door(door.id)).lock == "0x1"
    for key in keys:
        assert box.services.ekeys.given(key)[0].lock == "0x1"


async def test_a_lock_that_takes_no_such_pins_takes_no_place(
    box: Gateway, door: Door
) -> None:
    await visitor(box, door)
    four = Lock(LockId("0x5"), "four", "M", 30, digits=Digits(4, 4))
    box.services.locks.discover([four])
    with pytest.raises(NoCommonLength):
        await box.services.replacing.replace(door, four.id, ALONE)
    assert (await box.stores.houses.door(door.id)).lock == "0x1"


async def test_a_lock_without_slots_has_its_pins_judged_by_the_box(
    box: Gateway, door: Door
) -> None:
    key = await visitor(box, door)
    await box.services.replacing.replace(door, LockId("0x4"), ALONE)
    [given] = box.services.ekeys.given(key)
    assert (given.slot, given.state) == (0, CredentialState.KEPT_HERE)


async def test_what_another_hung_or_found_takes_no_place(
    box: Gateway, door: Door
) -> None:
    with pytest.raises(UnknownDoor):
        await box.services.replacing.replace(door, LockId("0x9"), ALONE)
    other = Taker("other", alone=False)
    with pytest.raises(UnknownDoor):
        await box.services.replacing.replace(door, LockId("0x2"), other)


async def test_a_low_battery_of_before_a_lock_hung_is_told_once_it_does(
    box: Gateway, broker: BrokerProgram
) -> None:
    services = box.services
    services.locks.discover([Lock(LockId("0x1"), "front", "YRD", 30)])
    await services.feed.refresh()
    async with listening(broker, "x") as client:
        await client.publish("zigbee2mqtt/front", '{"battery":5}', qos=1)
        await heard(box, client)
    while not services.alarms.facts.empty():
        await services.alarms.book_next()
    door = await hang(box, LockId("0x1"))
    while not services.alarms.facts.empty():
        await services.alarms.book_next()
    found = await box.stores.tasks.of("account")
    assert [(task.incident, task.about) for task in found] == [
        (Incident.BATTERY_LOW, door.id)
    ]


async def test_the_outcome_of_a_command_is_the_locks_own_word(
    box: Gateway, broker: BrokerProgram, monkeypatch
) -> None:
    locks, outcome = box.services.locks, box.services.locks.outcome
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        await client.publish("room101/lock/door/state", "LOCKED", qos=1)
        await heard(box, client)
        door = await hang(box, ID)
        await told(box, client, door)
        await client.publish("room101/lock/door/state", "UNLOCKED", qos=1)
        assert await outcome(ID) is CommandState.CONFIRMED
        monkeypatch.setattr("devices.service.locks.CONFIRM_WITHIN", timedelta(0))
        await told(box, client, door)
        assert await outcome(ID) is CommandState.UNKNOWN
        await broker.stop()
        await until(lambda: not box.link.up)
        await box.services.asking.open_for(door, "account")
        assert await outcome(ID) is CommandState.FAILED
    assert locks.outcome


async def test_a_latch_that_is_drawn_is_an_opening_and_no_forced_door(
    box: Gateway, broker: BrokerProgram
) -> None:
    facts = box.services.alarms.facts
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101", pl_open="OPEN")
        await client.publish("room101/lock/door/state", "LOCKED", qos=1)
        await heard(box, client)
        door = await hang(box, ID)
        await told(box, client, door)
        box.services.watching.contact(door, open_=True)  # before the lock has said so
        await client.publish("room101/lock/door/state", "OPENING", qos=1)
        await client.publish("room101/lock/door/state", "OPEN", qos=1)
        await heard(box, client)
        assert box.services.locks.seen[ID].bolt is Bolt.UNLATCHED
        assert box.services.locks.command(ID) is CommandState.CONFIRMED
        box.services.watching.contact(door, open_=False)
        box.services.watching.contact(door, open_=True)
    reported = [facts.get_nowait() for _ in range(facts.qsize())]
    assert not [
        each for each in reported if each[0] is Incident.FORCED_OPEN and each[2]
    ]
    assert (Incident.FORCED_OPEN, door.id, "") not in reported


async def test_a_bolt_that_is_stuck_is_an_alarm_until_it_moves(
    box: Gateway, broker: BrokerProgram
) -> None:
    facts = box.services.alarms.facts
    async with listening(broker, "x") as client:
        await announce(box, client, "room101")
        await hang(box, ID)
        for word in ("JAMMED", "JAMMED", "LOCKED"):
            await client.publish("room101/lock/door/state", word, qos=1)
        await heard(box, client)
    reported = [facts.get_nowait() for _ in range(facts.qsize())]
    assert [each for each in reported if each[:2] == (Incident.LOCK_JAMMED, ID)] == [
        (Incident.LOCK_JAMMED, ID, ""),
        (Incident.LOCK_JAMMED, ID, None),
    ]


async def test_what_nobody_understands_holds_up_nothing(
    box: Gateway, broker: BrokerProgram
) -> None:
    """Also kept by the broker, and more of it than it has under way at once."""
    odd = ["{{ value | int(default=1, default=2) }}", "{{ 5|round(-5000000) }}"]
    async with listening(broker, "x") as client:
        for number in range(25):
            more = {"uniq_id": f"odd{number}", "val_tpl": odd[number % 2]}
            await announce(box, client, f"room{number}", **more)
        await client.publish(topic("x"), '{"cmd_t":"y","name":"\\ud800"}', qos=1)
        await heard(box, client)
    box.link._client._client.disconnect()
    await until(lambda: not box.link.up)
    await until(lambda: box.link.up)
    async with listening(broker, "x") as client:
        await heard(box, client)


async def test_what_zigbee2mqtt_says_is_taken_from_it_by_nobody(
    box: Gateway, broker: BrokerProgram
) -> None:
    box.services.locks.discover([Lock(LockId("0x1"), "front", "YRD", 30)])
    await box.services.feed.refresh()
    async with listening(broker, "x") as client:
        await announce(box, client, "room101", stat_t="zigbee2mqtt/front")
        await announce(
            box, client, "room102", uniq_id="b", avty_t="zigbee2mqtt/bridge/state"
        )
        await client.publish("zigbee2mqtt/front", '{"battery":44}', qos=1)
        await heard(box, client)
    assert box.services.locks.seen[LockId("0x1")].battery == 44
    assert {e.fault.value for e in box.services.announcing.unusable.values()} == {
        "topic"
    }
    assert ID not in box.services.locks.seen


async def test_another_landlord_moves_no_lock_by_trying_to_hang_it(
    box: Gateway, broker: BrokerProgram
) -> None:
    services = box.services
    services.locks.discover([Lock(LockId("0x1"), "front", "YRD", 30)])
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        door = await hang(box, ID)
        other = await hang(box, LockId("0x1"))
        await announce(box, client, "evil")
        [rival] = services.announcing.rivals(ID)
        for by in (Taker("other", alone=False), ALONE):
            with pytest.raises((UnknownDoor, LockTaken)):
                await services.replacing.replace(other, f"{ID}@{rival.id}", by)
        assert await told(box, client, door) == command("room101")


async def test_one_place_is_one_lock(box: Gateway, broker: BrokerProgram) -> None:
    """Whoever announces another's place under an id of his own would open his door."""
    async with listening(broker, "x") as client:
        await announce(box, client, "room101")
        await announce(box, client, "room101", "elsewhere", uniq_id="fresh")
        await announce(box, client, "y", uniq_id="mapped", cmd_t="y/set")
    assert LockId("ha:fresh") not in box.services.locks.seen
    assert LockId("ha:mapped") not in box.services.locks.seen
    assert len(box.services.announcing.unusable) == 2


async def test_who_says_the_same_place_in_other_words_is_no_heir(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "+/lock/door/command") as client:
        await announce(box, client, "room101")
        door = await hang(box, ID)
        await announce(box, client, "room101", "evil", pl_unlk="WHATEVER")
        await client.publish(topic("room101"), "", qos=1, retain=True)
        await heard(box, client)
        assert await told(box, client, door) == command("room101")
        assert ID in box.services.locks.left
        assert len(box.services.announcing.rivals(ID)) == 1


async def test_a_lock_that_is_elsewhere_now_is_known_by_what_it_says_there(
    box: Gateway, broker: BrokerProgram
) -> None:
    locks, announcing = box.services.locks, box.services.announcing
    async with listening(broker, "x") as client:
        for room, there, bolt in (
            ("room101", "online", "LOCKED"),
            ("room102", "offline", "UNLOCKED"),
        ):
            await client.publish(f"{room}/status", there, qos=1, retain=True)
            state = f"{room}/lock/door/state"
            await client.publish(state, bolt, qos=1, retain=True)
            await announce(box, client, room, avty_t=f"{room}/status")
        await until(lambda: locks.seen[ID].reachable is True)
        [second] = announcing.rivals(ID)
        await announcing.choose(second.id, ID)
        await until(lambda: locks.seen[ID].bolt is Bolt.UNLOCKED)
        await until(lambda: locks.seen[ID].reachable is False)
        [first] = announcing.rivals(ID)
        await announcing.choose(first.id, ID)
        await until(lambda: locks.seen[ID].bolt is Bolt.LOCKED)
        await until(lambda: locks.seen[ID].reachable is True)


async def test_topics_that_are_no_longer_a_locks_are_listened_to_no_more(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with listening(broker, "x") as client:
        for number in range(20):
            await announce(box, client, "room101", stat_t=f"t{number}/state")
    assert len([each for each in box.link.topics if "/state" in each]) <= 2


async def test_a_removal_of_nothing_costs_nothing(
    box: Gateway, broker: BrokerProgram, monkeypatch
) -> None:
    async with listening(broker, "x") as client:
        await announce(box, client, "room101")
        monkeypatch.setattr("firmware_bridge.drivers.plain._plan", None)
        await client.publish(topic("nobody"), "", qos=1)
        await heard(box, client)
