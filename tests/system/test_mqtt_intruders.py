"""What anybody with an account at the broker may send: it costs only himself."""

import asyncio
import json
import random
import string
from pathlib import Path

import pytest

from devices.model.places import LockId
from devices.service import announcing
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttFeed
from firmware_bridge.links.broker import BrokerAddress, BrokerLink
from firmware_bridge.mqtt.topics import expanded, name_fault, topic_fault
from gateway.demo.programs import USER, BrokerProgram, free_port, mosquitto
from gateway.wiring.box import Gateway
from tests.system.test_broker_link import person, until

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
GOOD = {"name": "g", "unique_id": "good", "command_topic": "g/set", "state_topic": "g"}
BAD = (
    {"availability_topic": "a#"},
    {"availability_topic": "#"},
    {"availability": [{"topic": "+"}]},
    {"state_topic": "x\u0000y"},
    {"state_topic": "x\ud800"},
    {"state_topic": "~", "~": "#"},
    {"state_topic": "~" * 20_000, "~": "x" * 20_000},
    {"command_topic": "~/set", "~": "x\u0001"},
    {"command_topic": "lodge/house/door/set"},
    {"command_topic": "$SYS/x"},
    {"command_topic": "homeassistant/x/config"},
    {"unique_id": "x\u0000"},
    {"name": "n" * 10_000},
    {"name": "x\ud800"},
)


async def announce(client, number: int, told: dict) -> None:
    topic = f"homeassistant/lock/l{number}/config"
    await client.publish(topic, json.dumps(told), qos=1, retain=True)


async def good_one(box: Gateway, client) -> None:
    """Announce a lock as it should be, and see it found and heard."""
    await announce(client, 99, GOOD)
    locks = box.services.locks
    await until(lambda: LockId("ha:good") in locks.seen)
    await client.publish("g", "LOCKED", qos=1, retain=True)
    await until(lambda: locks.seen[LockId("ha:good")].seen_at is not None)


async def test_no_announcement_takes_the_link_down_now_or_later(
    box: Gateway, broker: BrokerProgram
) -> None:
    async with person(broker) as client:
        for number, told in enumerate(BAD):
            await announce(client, number, {**GOOD, "unique_id": f"b{number}", **told})
        await good_one(box, client)
    assert [lock for lock in box.services.locks.seen if "b" in lock[:4]] == []
    await broker.stop()
    await until(lambda: not box.link.up)
    await broker.start()
    await until(lambda: box.link.up)  # all that was kept comes again
    async with person(broker) as client:
        await good_one(box, client)
    assert not box.link.unheard


async def test_no_name_in_the_bridges_list_takes_it_down(
    box: Gateway, broker: BrokerProgram
) -> None:
    exposes = [{"type": "lock", "features": []}]
    names = ["a\u0000b", "x/+/y", "#", "n" * 5000, "bridge/x", "front/set", " ", "ok"]
    told = [
        {
            "ieee_address": f"0x{number}",
            "friendly_name": name,
            "definition": {"model": "YRD", "exposes": exposes},
        }
        for number, name in enumerate(names)
    ]
    async with person(broker) as client:
        topic = "zigbee2mqtt/bridge/devices"
        await client.publish(topic, json.dumps(told), qos=1, retain=True)
        await until(lambda: LockId("0x7") in box.services.locks.seen)
    found = {each for each in box.services.locks.seen if each.startswith("0x")}
    assert found == {LockId("0x7")}


async def test_announcements_without_end_fill_no_memory(
    box: Gateway, broker: BrokerProgram, monkeypatch
) -> None:
    monkeypatch.setattr(announcing, "MOST", 20)
    async with person(broker) as client:
        for number in range(60):
            own = {"unique_id": f"many{number}", "command_topic": f"g/{number}/set"}
            await announce(client, number, {**GOOD, **own})
        await client.publish("zigbee2mqtt/x", "{}", qos=1)
        await until(lambda: len(box.services.locks.seen) >= 20)
        await asyncio.sleep(0.5)
    found = [lock for lock in box.services.locks.seen if lock.startswith("ha:")]
    assert len(found) == 20


async def test_a_code_counts_on_a_keypads_own_topic_alone(
    box: Gateway, broker: BrokerProgram, monkeypatch
) -> None:
    """Also where a broker tells the box of every topic there is."""
    heard: list[str] = []

    async def listened(_self, pressed) -> None:
        heard.append(pressed.code)

    monkeypatch.setattr(Zigbee2mqttFeed, "_pressed", listened)
    await box.link.listen(["#"])
    async with person(broker) as client:
        said = json.dumps({"action": "disarm", "action_code": "471193"})
        for topic in ("front_keypad", "x/front_keypad", "/front_keypad"):
            await client.publish(topic, said, qos=1)
        await good_one(box, client)
        assert heard == []
        await client.publish("zigbee2mqtt/front_keypad", said, qos=1)
        await until(lambda: set(heard) == {"471193"})


RULES = f"""user {USER}
topic readwrite t/#
topic readwrite other/#
"""


async def test_a_topic_that_is_refused_takes_no_other_down(tmp_path: Path) -> None:
    """As with Mosquitto's dynamic security: SUBACK 0x87 for some, not for others."""
    broker = BrokerProgram(tmp_path / "broker", free_port())
    await broker.start()
    address = BrokerAddress("127.0.0.1", broker.port, "box", USER, broker.password)
    taken: list[str] = []
    # A share name with a wildcard is what Mosquitto itself answers with a refusal.
    topics = ("t/#", "bad\0topic", "$share//x", "other/#", "$share/a+/x")
    link = BrokerLink(address, topics, lambda said: taken.append(said.topic))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        await until(lambda: link.up)
        async with person(broker) as client:
            for topic in ("t/1", "other/1"):
                await client.publish(topic, "x", qos=1)
            await until(lambda: {"t/1", "other/1"} <= set(taken))
        assert "bad\0topic" in link.unheard
        await link.listen(["c\x01", "late/#"])
        async with person(broker) as client:
            await client.publish("late/1", "x", qos=1)
            await until(lambda: "late/1" in taken)
        running.cancel()
    await broker.stop()


async def test_a_topic_over_which_the_broker_ends_costs_itself_alone(
    tmp_path: Path, monkeypatch
) -> None:
    """What one broker refuses, another ends the connection for."""
    monkeypatch.setattr("firmware_bridge.links.broker.carried", lambda _: True)
    broker = BrokerProgram(tmp_path / "broker", free_port())
    await broker.start()
    address = BrokerAddress("127.0.0.1", broker.port, "box", USER, broker.password)
    taken: list[str] = []
    topics = ("t/#", "bad\0topic", "other/#")
    link = BrokerLink(address, topics, lambda said: taken.append(said.topic))

    async def hears_the_rest() -> None:
        async with asyncio.timeout(5):
            await until(lambda: link.up)
        taken.clear()
        async with person(broker) as client:
            await client.publish("other/1", "x", qos=1)
            await until(lambda: "other/1" in taken)
        assert link.unheard == {"bad\0topic"}

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        await hears_the_rest()
        await broker.stop()
        await until(lambda: not link.up)
        await broker.start()
        await hears_the_rest()
        running.cancel()
    await broker.stop()


def test_topics_and_names_that_are_good_stay_good() -> None:
    for topic in ("home/front/set", "cmnd/strike/POWER", "a b/ü/门", "x" * 200):
        assert topic_fault(topic) is None
    for name in ("front", "房东/前门", "Front door 2"):
        assert name_fault(name) is None
    assert expanded("~/set", "base") == "base/set"
    assert expanded("set/~", "base") == "set/base"
    assert expanded("a~b", "base") == "a~b"


def test_whatever_is_announced_a_topic_that_is_taken_can_be_listened_on() -> None:
    chance = random.Random(7)  # noqa: S311 - a test's
    letters = string.printable + "\0\ud800\uffff门"
    for _ in range(5000):
        topic = "".join(chance.choices(letters, k=chance.randrange(12)))
        if topic_fault(topic) is None:
            topic.encode()
            assert not set(topic) & set("+#\0")
