"""Durable telemetry against bare aiomqtt: message, commit, PUBACK."""

import asyncio
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

from bench.broker import box_on, connected
from bench.figure import Figure
from gateway.demo.programs import BrokerProgram, free_port

MESSAGES = 10_000
ROUNDS = 3


async def measure(folder: Path) -> list[Figure]:
    """Return Lodge's rate as a share of bare aiomqtt's, the best round of each."""
    broker = BrokerProgram(folder / "broker", free_port(), keeps=False)
    await broker.start()
    try:
        bare, lodge = [], []
        for number in range(ROUNDS):
            bare.append(await bare_rate(broker, MESSAGES))
            lodge.append(await _lodge(broker, folder / str(number)))
    finally:
        await broker.stop()
    share = 100 * max(lodge) / max(bare)
    what = f"durable telemetry: {max(lodge):.0f} of bare {max(bare):.0f} messages/s"
    return [Figure(what, share, "%", 80, at_least=True)]


async def sender(
    broker: BrokerProgram, count: int, names: Sequence[str] = (), said: str = ""
) -> Process:
    """Start the process that publishes so many messages."""
    told = [str(broker.port), broker.password, str(count)]
    told += [said, *names] if names else []
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sender", *told
    )


async def bare_rate(
    broker: BrokerProgram, total: int, names: Sequence[str] = (), said: str = ""
) -> float:
    """Return how many messages a second bare aiomqtt takes, acknowledged by hand."""
    async with connected(broker.port, broker.password) as client:
        paho = client._client  # noqa: SLF001 - acknowledged by hand, as Lodge does
        paho.manual_ack_set(True)  # noqa: FBT003 - paho's own signature
        await client.subscribe("zigbee2mqtt/#", qos=1)
        sending = await sender(broker, total, names, said)
        started, count = 0.0, 0
        async for message in client.messages:
            started = started or time.perf_counter()
            paho.ack(message.mid, message.qos)
            count += 1
            if count == total:
                break
        spent = time.perf_counter() - started
        await sending.wait()
    return total / spent


async def _lodge(broker: BrokerProgram, folder: Path) -> float:
    async with box_on(broker, folder) as gateway:
        kept, started, done = 0, 0.0, asyncio.Event()
        hear = gateway.services.locks.journal.see

        def count(_kept: asyncio.Future[None]) -> None:
            nonlocal kept
            kept += 1
            if kept == MESSAGES:
                done.set()

        class Counted:
            """The journal, with its commits counted."""

            @staticmethod
            def see(lock):
                nonlocal started
                started = started or time.perf_counter()
                future = hear(lock)
                future.add_done_callback(count)
                return future

        gateway.services.locks.journal = Counted()
        sending = await sender(broker, MESSAGES)
        await done.wait()
        spent = time.perf_counter() - started
        await sending.wait()
    return MESSAGES / spent
