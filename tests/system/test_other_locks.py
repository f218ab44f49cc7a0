"""Locks found by discovery or mapped, and doors shown, over a real Mosquitto."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import select

from devices.adapters import rows
from devices.model.keys import Refusal
from devices.model.locks import Bolt, CommandState, Lock
from devices.model.places import Landlord, LockId, Sharing
from firmware_bridge.links import sweeping
from firmware_bridge.links.sweeping import sweep
from gateway.demo.programs import BrokerProgram, mosquitto, output
from gateway.wiring.box import Gateway
from gateway.wiring.broker import broker_of
from tests.system.test_broker_link import person, until

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
FOUND, MAPPED = LockId("ha:front"), LockId("mqtt:yard")
FOUND_FIRST = LockId("ha:theirs")
CONFIG = {
    "name": "front",
    "unique_id": "front",
    "command_topic": "x/front/set",
    "state_topic": "x/front",
    "availability_topic": "x/available",
}


@asynccontextmanager
async def listening(broker: BrokerProgram, *topics: str):
    async with person(broker) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        yield client


async def said(client: aiomqtt.Client) -> tuple[str, bytes]:
    async with asyncio.timeout(30):
        message = await anext(client.messages)
    return str(message.topic), bytes(message.payload)


async def heard(box: Gateway, client: aiomqtt.Client) -> None:
    """Wait until the box has taken what was published: a later word has come to it."""
    now = box.services.locks.seen[MAPPED].bolt
    word = Bolt.UNLOCKED if now is Bolt.LOCKED else Bolt.LOCKED
    await client.publish("y/state", word.name, qos=1)
    await until(lambda: box.services.locks.seen[MAPPED].bolt is word)
    await until(lambda: not box.link._client._waiting)


async def house_with(box: Gateway, lock: LockId, room: str | None = None):
    box.services.locks.discover([Lock(lock, lock)])
    building = box.services.building
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101"])
    rooms = await box.stores.houses.rooms(house.id)
    return house, await building.hang(
        house.id, "front", lock, room=rooms[0].id if room else None
    )


async def details(box: Gateway, door) -> list[str]:
    """What is booked at a door, whoever it was: nothing of Lodge's asks that."""
    query = select(rows.door_event.c.detail).where(rows.door_event.c.door == door)
    return await box.stores.book.read(lambda c: list(c.execute(query).scalars()))


async def test_a_lock_found_by_discovery_is_driven(
    box: Gateway, broker: BrokerProgram
) -> None:
    locks = box.services.locks
    async with listening(broker, "x/front/set") as client:
        config = json.dumps(CONFIG)
        topic = "homeassistant/lock/front/config"
        await client.publish(topic, config, qos=1, retain=True)
        await until(lambda: FOUND in locks.seen)
        await client.publish("x/front", "LOCKED", qos=1, retain=True)
        await until(lambda: locks.seen[FOUND].bolt is Bolt.LOCKED)
        _, door = await house_with(box, FOUND)
        assert await box.services.asking.open_for(door, "account")
        assert await said(client) == ("x/front/set", b"UNLOCK")
        assert locks.command(FOUND) is CommandState.ACKNOWLEDGED
        await client.publish("x/front", "UNLOCKED", qos=1)
        await until(lambda: locks.command(FOUND) is CommandState.CONFIRMED)


async def test_a_lock_of_zigbee2mqtts_is_not_found_twice(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with person(broker) as client:
        config = {**CONFIG, "command_topic": "zigbee2mqtt/front/set"}
        await client.publish("homeassistant/lock/z/config", json.dumps(config), qos=1)
        other = json.dumps({**CONFIG, "unique_id": "other"})
        await client.publish("homeassistant/lock/o/config", other, qos=1)
        await until(lambda: LockId("ha:other") in box.services.locks.seen)
    assert FOUND not in box.services.locks.seen


async def test_a_mapped_lock_is_driven(box: Gateway, broker: BrokerProgram) -> None:
    _, door = await house_with(box, MAPPED)
    async with listening(broker, "y/set") as client:
        await box.services.asking.open_for(door, "account")
        assert await said(client) == ("y/set", b"UNLOCK")
        await client.publish("y/state", "JAMMED", qos=1)
        jammed = Bolt.NOT_FULLY_LOCKED
        await until(lambda: box.services.locks.seen[MAPPED].bolt is jammed)


async def test_a_shared_door_shows_and_unlocks_only_where_it_may(
    box: Gateway, broker: BrokerProgram
) -> None:
    house, door = await house_with(box, MAPPED)
    command = f"lodge/{house.id}/{door.id}/set"
    async with listening(broker, "y/set", "homeassistant/device/#") as client:
        await box.shown.refresh()
        await box.services.building.share(house, Sharing.SHOWN)
        await box.shown.refresh()
        topic, payload = await said(client)
        assert topic == f"homeassistant/device/lodge_{door.id}/config"
        assert json.loads(payload)["cmps"]["lock"]["cmd_t"] == command
        await client.publish(command, "UNLOCK", qos=1)
        await box.services.building.share(house, Sharing.UNLOCKS)
        await box.shown.refresh()
        await client.publish(command, "UNLOCK", qos=1, retain=True)
        await client.publish(command, "LOCK", qos=1)
        await client.publish("lodge/other/door/set", "UNLOCK", qos=1)
        assert await said(client) == ("y/set", b"UNLOCK")
        await box.services.building.share(house, Sharing.OFF)
        await box.shown.refresh()
        assert await said(client) == (topic, b"")
        events = await details(box, door.id)
        assert events == ["granted"]


async def first_event(box: Gateway, door):
    events: list[str] = []
    async with asyncio.timeout(30):
        while not events:
            await asyncio.sleep(0.05)
            events = await details(box, door)
    return events[0]


async def test_home_assistant_neither_sees_nor_opens_a_let_room(
    box: Gateway, broker: BrokerProgram
) -> None:
    house, door = await house_with(box, MAPPED, "101")
    now = box.stores.clock.now()
    tenant, _ = await box.stores.keys.begin("t")
    async with box.stores.book.page() as page:
        ekeys = box.services.ekeys
        window = (now, now + timedelta(days=365))
        key = ekeys.cut(page, [door], tenant, window, "account")
        await ekeys.activate(page, key, [door])
    await box.stores.keys.refresh()
    await box.services.building.share(house, Sharing.UNLOCKS)
    async with listening(broker, "homeassistant/device/#", "y/set") as client:
        await box.shown.refresh()
        _, payload = await said(client)
        assert json.loads(payload)["cmps"]["lock"] == {"p": "lock"}
        command = f"lodge/{house.id}/{door.id}/set"
        await client.publish(command, "UNLOCK", qos=1)
        event = await first_event(box, door.id)
        assert event == Refusal.ASKED.value


async def test_home_assistant_learns_that_the_box_is_gone(
    box: Gateway, broker: BrokerProgram
) -> None:
    house, _ = await house_with(box, MAPPED)
    await box.services.building.share(house, Sharing.SHOWN)
    await box.shown.refresh()
    async with listening(broker, "lodge/available") as client:
        assert await said(client) == ("lodge/available", b"online")
        box.link._client._client._sock_close()
        assert await said(client) == ("lodge/available", b"offline")


async def test_kept_pictures_and_pins_are_cleared_and_named(
    box: Gateway, broker: BrokerProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "QUIET", 3.0)
    bad = {
        "frigate/front/person/snapshot": (b"\xff\xd8\xff\xe0...", "picture"),
        "zigbee2mqtt/lock": (b'{"last_used_pin_code":"471193"}', "pin"),
    }
    async with person(broker) as client:
        for topic, (payload, _) in bad.items():
            await client.publish(topic, payload, qos=1, retain=True)
        await client.publish("zigbee2mqtt/good", "{}", qos=1, retain=True)
    address = broker_of(box.settings)
    assert sorted(await sweep(address)) == sorted((t, k) for t, (_, k) in bad.items())
    assert await sweep(address) == []
    async with listening(broker, "zigbee2mqtt/good") as client:
        assert (await said(client))[1] == b"{}"


async def test_somebody_at_the_door_is_known_and_kept_nowhere(
    box: Gateway, broker: BrokerProgram
) -> None:
    _, door = await house_with(box, MAPPED)
    watching = box.services.watching
    told = json.dumps({"type": "new", "after": {"camera": "front", "label": "person"}})
    async with person(broker) as client:
        await client.publish("frigate/events", told, qos=1)
        await until(lambda: "frigate:front" in watching.found)
        assert not watching.occupied(door.id)
        await box.services.building.mount("frigate:front", door)
        await client.publish("frigate/front/person", "1", qos=1)
        await until(lambda: watching.occupied(door.id))
        await client.publish("frigate/front/person", "0", qos=1)
        await until(lambda: not watching.occupied(door.id))
        await client.publish("frigate/front/person", "2", qos=1)
        await client.publish("frigate/front/person", "1", qos=1)
        await heard(box, client)
        assert watching.occupied(door.id)
        await client.publish("frigate/available", "offline", qos=1)
        await until(lambda: not watching.occupied(door.id))
        two = [{**json.loads(told)["after"], "id": each} for each in ("a", "b")]
        for kind, who in (("new", 0), ("new", 1), ("end", 0)):
            said = json.dumps({"type": kind, "after": two[who]})
            await client.publish("frigate/events", said, qos=1)
        await heard(box, client)
        assert watching.occupied(door.id)
        gone = json.dumps({"type": "end", "after": two[1]})
        await client.publish("frigate/events", gone, qos=1)
        await until(lambda: not watching.occupied(door.id))
    assert not await details(box, door.id)


RULES = """user lodge
topic readwrite #
user neighbour
topic read homeassistant/#
topic readwrite lodge/{house}/#
"""


async def test_a_landlords_home_assistant_reaches_no_other_landlords_door(
    box: Gateway, broker: BrokerProgram, tmp_path: Path
) -> None:
    mine, door = await house_with(box, MAPPED)
    theirs, _ = await house_with(box, FOUND_FIRST)
    for house in (mine, theirs):
        await box.services.building.share(house, Sharing.UNLOCKS)
    await box.shown.refresh()
    await broker.stop()
    broker.rules = tmp_path / "rules"
    broker.rules.write_text(RULES.format(house=theirs.id), encoding="utf-8")
    passwords = str(broker.folder / "passwords")
    await output("mosquitto_passwd", "-b", passwords, "neighbour", "secret")
    await broker.start()
    await until(lambda: box.link.up)
    neighbour = aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        username="neighbour",
        password="secret",  # noqa: S106 - of this test's own broker
        protocol=aiomqtt.ProtocolVersion.V5,
    )
    async with neighbour, listening(broker, "y/set") as client:
        for topic in (f"lodge/{mine.id}/{door.id}/set", "y/set", "zigbee2mqtt/x/set"):
            await neighbour.publish(topic, "UNLOCK", qos=1)
        await neighbour.publish(f"lodge/{theirs.id}/{door.id}/set", "UNLOCK", qos=1)
        await box.services.asking.open_for(door, "account")
        assert await said(client) == ("y/set", b"UNLOCK")
        events = await details(box, door.id)
        assert events == ["granted"]
