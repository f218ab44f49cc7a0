"""What the benchmarks share: a broker, a client of it, a box on it."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt

from gateway.demo.pictures import cache
from gateway.demo.programs import USER, BrokerProgram, free_port
from gateway.founding import lay
from gateway.settings import LodgeSettings
from gateway.wiring.box import Gateway
from gateway.wiring.opening import open_gateway

PENDING = 20_000
DEVICES = [
    {
        "ieee_address": "0x1",
        "friendly_name": "front",
        "definition": {
            "model": "m",
            "exposes": [{"type": "lock"}, {"property": "pin_code"}],
        },
    },
    {
        "ieee_address": "0x2",
        "friendly_name": "pad",
        "definition": {"model": "m", "exposes": [{"property": "action_code"}]},
    },
]


def connected(port: int, password: str) -> aiomqtt.Client:
    """Return a client of the broker, quiet about many pending calls."""
    client = aiomqtt.Client(
        "127.0.0.1",
        port,
        username=USER,
        password=password,
        protocol=aiomqtt.ProtocolVersion.V5,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
    )
    client.pending_calls_threshold = PENDING
    return client


@asynccontextmanager
async def box_on(
    broker: BrokerProgram, folder: Path, *, again: bool = False
) -> AsyncIterator[Gateway]:
    """Run a box's broker side, with its lock and keypad discovered; new, or again."""
    config = folder / "lodge.toml"
    settings = (
        LodgeSettings.load(config)
        if again
        else lay(folder, "127.0.0.1", free_port(), plain=True)
    )
    secret = folder / "broker.password"
    secret.write_text(broker.password, encoding="utf-8")
    if (networks := cache() / "models").exists():
        shutil.copytree(networks, folder / "models", dirs_exist_ok=True)
    settings.broker.port = broker.port
    settings.broker.username = USER
    settings.broker.password_file = secret
    gateway = open_gateway(settings)
    await gateway.begin()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gateway.link.run())
        while not gateway.link.up:
            await asyncio.sleep(0.01)
        async with connected(broker.port, broker.password) as client:
            await client.publish("zigbee2mqtt/bridge/devices", json.dumps(DEVICES))
        while not gateway.services.locks.seen:
            await asyncio.sleep(0.01)
        yield gateway
        running.cancel()
    await gateway.faces.close()
    gateway.stores.book.close()
