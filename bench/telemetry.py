"""Durable telemetry against bare aiomqtt: message, commit, PUBACK."""

import asyncio
import json
import time
from pathlib import Path

import aiomqtt

from bench.figure import Figure
from gateway.demo.programs import USER, BrokerProgram, free_port
from gateway.wiring.box import open_gateway
from gateway.founding import lay

MESSAGES = 5000
PENDING = 20_000
ROUNDS = 3
DEVICES = [
    {
        "ieee_address": "0x1",
        "friendly_name": "front",
        "definition": {"model": "m", "exposes": [{"type": "lock"}]},
    }
]


async def measure(folder: Path) -> list[Figure]:
    """Return Lodge's rate as a share of bare aiomqtt's, the better round of each."""
    broker = BrokerProgram(folder / "broker", free_port())
    await broker.start()
    try:
        bare = max([await _bare(broker) for _ in range(ROUNDS)])
        lodge = max([await _lodge(broker, folder / str(n)) for n in range(ROUNDS)])
    finally:
        await broker.stop()
    share = 100 * lodge / bare
    what = f"durable telemetry, {lodge:.0f} of bare aiomqtt's {bare:.0f} messages/s"
    return [Figure(what, share, "%", 80, at_least=True)]


def _client(broker: BrokerProgram, name: str | None = None) -> aiomqtt.Client:
    client = aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        identifier=name,
        username=USER,
        password=broker.password,
        protocol=aiomqtt.ProtocolVersion.V5,
    )
    client.pending_calls_threshold = PENDING
    return client


async def _send(broker: BrokerProgram) -> None:
    async with _client(broker) as sender:
        for start in range(0, MESSAGES, 500):
            await asyncio.gather(
                *(
                    sender.publish(
                        "zigbee2mqtt/front",
                        json.dumps({"state": "LOCK", "battery": n % 100}),
                        qos=1,
                    )
                    for n in range(start, start + 500)
                )
            )


async def _bare(broker: BrokerProgram) -> float:
    async with _client(broker, "bare") as client:
        client._client.manual_ack_set(True)  # noqa: SLF001, FBT003 - as Lodge does
        await client.subscribe("zigbee2mqtt/#", qos=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(broker))
            started, count = time.perf_counter(), 0
            async for message in client.messages:
                client._client.ack(message.mid, message.qos)  # noqa: SLF001
                count += 1
                if count == MESSAGES:
                    break
    return MESSAGES / (time.perf_counter() - started)


async def _lodge(broker: BrokerProgram, folder: Path) -> float:
    settings = lay(folder, "127.0.0.1", free_port(), plain=True)
    settings.broker.port = broker.port
    settings.broker.username = USER
    secret = folder / "broker.password"
    secret.write_text(broker.password)
    settings.broker.password_file = secret
    gateway = open_gateway(settings)
    kept, done = 0, asyncio.Event()
    take = gateway.link.take

    def counted(incoming):
        nonlocal kept
        waiting = take(incoming)
        if waiting is None:
            return None
        future = asyncio.ensure_future(waiting)  # noqa: TID251 - counts what is kept

        def count(_):
            nonlocal kept
            kept += 1
            if kept >= MESSAGES:
                done.set()

        future.add_done_callback(count)
        return future

    await gateway._begin()  # noqa: SLF001 - without its web pages
    gateway.link.take = counted
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gateway.link.run())
        while not gateway.link.up:
            await asyncio.sleep(0.01)
        async with _client(broker) as sender:
            await sender.publish("zigbee2mqtt/bridge/devices", json.dumps(DEVICES))
        await asyncio.sleep(0.3)
        kept = 0
        started = time.perf_counter()
        tasks.create_task(_send(broker))
        await done.wait()
        spent = time.perf_counter() - started
        running.cancel()
    gateway.stores.book.close()
    return MESSAGES / spent
