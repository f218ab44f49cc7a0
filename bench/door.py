"""Keypad code on the broker to unlock command on the broker, against a round trip.

Codes come one at a time, a fiftieth of a second apart, and so does the raw message:
nobody types faster.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np

from bench.broker import box_on, connected
from bench.figure import Figure, quantile
from devices.model.places import Landlord, LockId
from enrolment.model.faces import Seen
from gateway.demo.pictures import Pictures
from gateway.demo.programs import BrokerProgram, free_port
from gateway.wiring.box import Gateway

TIMES = 400
BETWEEN = 0.02
PEOPLE, FRAMES, AT_ONCE = 10, 30, 3


async def measure(folder: Path) -> list[Figure]:
    """Return p50 and p99 as multiples of the raw round trip's, idle and while busy."""
    broker = BrokerProgram(folder / "broker", free_port(), keeps=False)
    await broker.start()
    try:
        async with box_on(broker, folder / "box") as gateway:
            pin = await keyed(gateway)
            raw = await _raw(broker)
            idle = await timed(broker, pin)
            busy = await _beside(gateway, lambda: timed(broker, pin))
    finally:
        await broker.stop()
    slower = quantile(busy, 0.99) / quantile(idle, 0.99)
    return [
        *(
            Figure(
                f"door{when}, {name}: {1000 * quantile(found, share):.2f} ms, "
                f"raw {1000 * quantile(raw, share):.2f} ms",
                quantile(found, share) / quantile(raw, share),
                "×",
                limit,
            )
            for when, found in (("", idle), (" while ten people enrol", busy))
            for name, share, limit in (("p50", 0.5, 3), ("p99", 0.99, 5))
        ),
        Figure("door while ten people enrol, p99 against idle", slower, "×", 2),
    ]


async def keyed(gateway: Gateway) -> str:
    """Give the house's door an active key; return its PIN."""
    building, stores = gateway.rooms.building, gateway.stores
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101"])
    door = await building.hang(house.id, "front", LockId("0x1"), "pad")
    tenant = await stores.people.begin()
    now = stores.clock.now()
    window = (now - timedelta(days=1), now + timedelta(days=1))
    ekeys = gateway.rooms.ekeys
    async with stores.book.page() as page:
        key = ekeys.cut(page, [door], tenant, window, "account")
    async with stores.book.page() as page:
        await ekeys.activate(page, key, [door])
    await stores.keys.refresh()
    return await ekeys.pin(key)


async def _raw(broker: BrokerProgram) -> list[float]:
    told = json.dumps({"action": "disarm", "action_code": "000000"})
    async with connected(broker.port, broker.password) as echo:
        await echo.subscribe("raw/in", qos=1)

        async def answer() -> None:
            async for message in echo.messages:
                await echo.publish("raw/out", message.payload, qos=1)

        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(answer())
            found = await _timed(broker, "raw/in", told, "raw/out")
            answering.cancel()
    return found


async def timed(broker: BrokerProgram, pin: str) -> list[float]:
    """Type a good code again and again; return how long each took, in seconds."""
    told = json.dumps({"action": "disarm", "action_code": pin})
    return await _timed(broker, "zigbee2mqtt/pad", told, "zigbee2mqtt/front/set")


async def _timed(
    broker: BrokerProgram, asked: str, told: str, answered: str
) -> list[float]:
    spent = []
    async with connected(broker.port, broker.password) as person:
        await person.subscribe(answered, qos=1)
        messages = aiter(person.messages)
        for _ in range(TIMES):
            started = time.perf_counter()
            await person.publish(asked, told, qos=0)
            await anext(messages)
            spent.append(time.perf_counter() - started)
            await asyncio.sleep(BETWEEN)
    return spent


async def _beside(
    gateway: Gateway, measured: Callable[[], Awaitable[list[float]]]
) -> list[float]:
    """Measure while ten people hold their phones before their faces.

    The worker has the networks of life and eyes, as a box that scans has.
    """
    picture = Pictures.find().live
    small = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(small[: small.shape[1] * 3 // 4], (640, 480))
    frame = bytes(cv2.imencode(".jpg", small)[1])
    await gateway.faces.start()

    async def enrol() -> None:
        document = (await gateway.faces.describe(frame)).template
        while True:
            seen: list[Seen] = []
            for number in range(0, FRAMES, AT_ONCE):
                some = [(float(number + each), frame) for each in range(AT_ONCE)]
                seen += await gateway.faces.measure(some)
            await gateway.faces.relate(seen)
            await gateway.faces.match(document, seen[:5])

    async with asyncio.TaskGroup() as tasks:
        people = [tasks.create_task(enrol()) for _ in range(PEOPLE)]
        found = await measured()
        for each in people:
            each.cancel()
    return found
