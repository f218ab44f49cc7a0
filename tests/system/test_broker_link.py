"""The link to a real Mosquitto: acknowledged means on disk, floods stall nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from devices.model.errors import BrokerRefused, LockSilent
from firmware_bridge.links.broker import BrokerAddress, BrokerLink, Incoming
from gateway.demo.programs import USER, BrokerProgram, free_port, mosquitto

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
WITHIN = 30.0


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerProgram]:
    program = BrokerProgram(tmp_path / "broker", free_port())
    await program.start()
    yield program
    await program.stop()


@asynccontextmanager
async def person(broker: BrokerProgram) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        username=USER,
        password=broker.password,
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        client.pending_calls_threshold = 10_000
        yield client


class Disk:
    """A store whose writes end when it is told to, or never."""

    def __init__(self, *, open_: bool = True) -> None:
        self.taken: list[bytes] = []
        self.kept: list[bytes] = []
        self.gate = asyncio.Event()
        if open_:
            self.gate.set()

    def take(self, incoming: Incoming):
        self.taken.append(incoming.payload)
        return self._keep(incoming.payload)

    async def _keep(self, payload: bytes) -> None:
        await self.gate.wait()
        self.kept.append(payload)


@asynccontextmanager
async def linked(broker: BrokerProgram, take, name: str = "box"):
    address = BrokerAddress("127.0.0.1", broker.port, name, USER, broker.password)
    link = BrokerLink(address, ("t/#",), take)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        await until(lambda: link.up)
        try:
            yield link
        finally:
            running.cancel()


async def until(true) -> None:
    async with asyncio.timeout(WITHIN):
        while not true():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.02)


async def test_what_was_not_kept_comes_again(broker: BrokerProgram) -> None:
    stuck = Disk(open_=False)
    async with linked(broker, stuck.take), person(broker) as client:
        for number in range(20):
            await client.publish("t/x", str(number), qos=1)
        await until(lambda: len(stuck.taken) == 20)
    again = Disk()
    async with linked(broker, again.take):
        await until(lambda: len(again.kept) == 20)
    assert again.kept == [str(number).encode() for number in range(20)]


async def test_what_was_kept_does_not_come_again(broker: BrokerProgram) -> None:
    disk = Disk()
    async with linked(broker, disk.take), person(broker) as client:
        for number in range(20):
            await client.publish("t/x", str(number), qos=1)
        await until(lambda: len(disk.kept) == 20)
        await asyncio.sleep(0.3)
    again = Disk()
    async with linked(broker, again.take), person(broker) as client:
        await client.publish("t/x", "new", qos=1)
        await until(lambda: again.kept)
    assert again.kept == [b"new"]


async def test_broken_variant_that_acknowledges_first_loses_messages(
    broker: BrokerProgram,
) -> None:
    stuck = Disk(open_=False)

    def careless(incoming: Incoming) -> None:
        stuck.taken.append(incoming.payload)

    async with linked(broker, careless), person(broker) as client:
        for number in range(20):
            await client.publish("t/x", str(number), qos=1)
        await until(lambda: len(stuck.taken) == 20)
        await asyncio.sleep(0.3)
    again = Disk()
    async with linked(broker, again.take):
        await asyncio.sleep(0.5)
    assert not again.kept


async def test_a_flood_at_qos_0_does_not_stall_qos_1(broker: BrokerProgram) -> None:
    disk = Disk(open_=False)
    async with linked(broker, disk.take), person(broker) as client:
        for number in range(2000):
            await client.publish("t/flood", b"x" * 50, qos=0)
            if number % 10 == 0:
                await client.publish("t/good", str(number), qos=1)
        await asyncio.sleep(0.5)
        waiting = len(disk.taken)
        disk.gate.set()
        wanted = {str(number).encode() for number in range(0, 2000, 10)}
        await until(lambda: wanted <= set(disk.kept))
    assert waiting < 2200


async def test_a_backlog_of_2000_is_drained_after_a_restart(
    broker: BrokerProgram,
) -> None:
    first = Disk()
    async with linked(broker, first.take):
        pass
    async with person(broker) as client:
        for number in range(2000):
            await client.publish("t/x", str(number), qos=1)
    again = Disk()
    async with linked(broker, again.take):
        await until(lambda: len(again.kept) >= 2000)
    assert again.kept == [str(number).encode() for number in range(2000)]


async def test_reading_stops_while_too_much_waits(broker: BrokerProgram) -> None:
    disk = Disk(open_=False)
    async with linked(broker, disk.take), person(broker) as client:
        for _ in range(5000):
            await client.publish("t/flood", b"x" * 2000, qos=0)
        await asyncio.sleep(0.5)
        assert len(disk.taken) < 5000
        disk.gate.set()
        await client.publish("t/good", b"after", qos=1)
        await until(lambda: b"after" in disk.kept)


async def test_a_broker_that_restarts_is_found_again(broker: BrokerProgram) -> None:
    disk = Disk()
    async with linked(broker, disk.take) as link:
        await broker.stop()
        await until(lambda: not link.up)
        with pytest.raises(LockSilent):
            await link.publish("t/x", b"x")
        await broker.start()
        await until(lambda: link.up)
        await link.publish("t/x", b"back")
        async with person(broker) as client:
            await client.publish("t/x", "from outside", qos=1)
        await until(lambda: b"from outside" in disk.kept)


async def test_a_command_reaches_others_and_does_not_come_back(
    broker: BrokerProgram,
) -> None:
    disk = Disk()
    async with linked(broker, disk.take) as link, person(broker) as client:
        await client.subscribe("t/#", qos=1)
        await asyncio.gather(
            *(link.publish("t/x", json.dumps(n).encode()) for n in range(50))
        )
        heard = {json.loads((await anext(client.messages)).payload) for _ in range(50)}
        await asyncio.sleep(0.2)
    assert heard == set(range(50))
    assert disk.taken == []


async def test_a_command_that_the_brokers_rules_forbid_says_so(
    broker: BrokerProgram, tmp_path: Path
) -> None:
    broker.rules = tmp_path / "rules"
    broker.rules.write_text(f"user {USER}\ntopic readwrite t/#\n", encoding="utf-8")
    await broker.stop()
    await broker.start()
    async with linked(broker, Disk().take) as link:
        with pytest.raises(BrokerRefused, match="z/front/set"):
            await link.publish("z/front/set", b"x")
        await link.publish("t/front/set", b"x")
