"""Serial lines: a digit to its verdict, an update, an ID card; bytes at line rate.

A pseudo-terminal has no speed: `Wire` in the middle gives each byte its time.
"""

import asyncio
import resource
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bench.broker import box_on
from bench.figure import Figure, quantile
from bench.readers import EACH
from devices.model.keys import KeyKind
from devices.model.places import Landlord, LockId
from devices.service.ekeys import Order
from enrolment.model.documents import CardStep
from firmware_bridge.drivers.idcard import IdCardReader
from firmware_bridge.links.rs485 import Rs485Line, Station
from firmware_bridge.links.serial_port import SerialPort
from firmware_bridge.links.smp import SmpController
from firmware_bridge.osdp import words
from firmware_bridge.osdp.health import Health
from gateway.demo.card_reader import SimulatedCardReader, resident
from gateway.demo.controller import Flash, SimulatedController
from gateway.demo.programs import BrokerProgram, free_port
from gateway.demo.reader import SimulatedReader, virtual_line
from gateway.demo.wire import BITS_A_BYTE, Wire
from gateway.settings import LodgeSettings, ReaderWiring, SerialLine
from gateway.wiring.box import Gateway
from gateway.wiring.opening import open_gateway
from gateway.wiring.signing import Label, make_key, sign

BAUD = 115200
PIN, TIMES = "471193", 200
IDLE_SECONDS = 6.0
IMAGE = 60_000
CARDS, PLUGS = 10, 10
KEY = bytes(range(16))


async def measure(folder: Path) -> list[Figure]:
    """Return the figures of the issue on the serial side."""
    return [
        *await _readers(folder, BAUD),
        *await _one_line(folder),
        await _update(folder),
        await _card(folder),
    ]


async def _readers(folder: Path, baud: int) -> list[Figure]:
    broker = BrokerProgram(folder / "broker", free_port(), keeps=False)
    await broker.start()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.readers", str(folder), str(baud)),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None  # noqa: S101 - asked for just above
    assert process.stdin is not None  # noqa: S101
    try:
        ports = (await process.stdout.readline()).decode().split()
        async with box_on(broker, folder / "box") as gateway:
            bare = await _idle()
        config = folder / "box" / "lodge.toml"
        settings = LodgeSettings.load(config)
        settings.lines = [
            SerialLine(
                name=Path(port).name,
                port=port,
                baud=baud,
                readers=[ReaderWiring(address=each) for each in range(EACH)],
            )
            for port in ports
        ]
        settings.broker.port = broker.port
        settings.broker.username = "lodge"
        settings.broker.password_file = folder / "box" / "broker.password"
        gateway = open_gateway(settings)
        async with AsyncExitStack() as stack:
            await _begin(gateway, stack)
            await _hang(gateway)
            busy = await _idle()
            process.stdin.write(f"go {PIN} {TIMES}\n".encode())
            found = [float(await process.stdout.readline()) for _ in range(TIMES)]
    finally:
        process.kill()
        await process.wait()
        await broker.stop()
    name = f"{EACH} readers on each of two lines at {baud} baud"
    return [
        Figure(
            f"last digit to strike, p99, {name} (p50 {quantile(found, 0.5):.0f} ms)",
            quantile(found, 0.99),
            "ms",
            200,
        ),
        Figure(f"processor of an idle line, {name}", (busy - bare) / 2, "%", 2),
    ]


async def _begin(gateway: Gateway, stack: AsyncExitStack) -> None:
    await gateway.begin()
    assert gateway.lines is not None  # noqa: S101 - the settings have two
    group = await stack.enter_async_context(asyncio.TaskGroup())
    running = [group.create_task(run()) for run in gateway.lines.tasks.values()]
    running.append(group.create_task(gateway.link.run()))
    stack.callback(lambda: [each.cancel() for each in running])
    lines = list(gateway.lines.lines.values())
    while not all(
        line.health(address) is Health.GOOD for line in lines for address in range(EACH)
    ):
        await asyncio.sleep(0.05)


async def _hang(gateway: Gateway) -> None:
    """Hang each reader at a door of its own, and give one PIN for all of them."""
    building, stores = gateway.rooms.building, gateway.stores
    assert gateway.lines is not None  # noqa: S101
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101"])
    doors = [
        await building.hang(house.id, plan.name, LockId(plan.lock), plan.name)
        for plan in (each.plan for each in gateway.lines.feed.driver.readers.values())
    ]
    now, day = stores.clock.now(), timedelta(days=1)
    order = Order(KeyKind.VISIT, "V", (now - day, now + day), pin=PIN)
    await gateway.rooms.ekeys.issue(order, doors, "account")


async def _idle() -> float:
    """Return this process's share of a processor while nothing happens, in percent."""
    await asyncio.sleep(1)
    before, started = _spent(), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    return 100 * (_spent() - before) / (time.perf_counter() - started)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _one_line(folder: Path) -> list[Figure]:
    """Measure a key's way with and without a dead neighbour, and a plug put back."""
    end, device = virtual_line()
    reader = SimulatedReader(end)
    wire = Wire(folder / "alone", device, BAUD)
    wire.plug()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(reader.run())
        alone = await _keys(wire, reader, [0])
        beside = await _keys(wire, reader, [0, 9])
        back = await _replugged(wire)
        running.cancel()
    slower = quantile(beside, 0.99) - quantile(alone, 0.99)
    return [
        Figure(
            "a key's way with a dead reader on its line, p99, later by",
            slower,
            "ms",
            200,
        ),
        Figure("a plug put back to a reader that serves", back, "s", 2),
    ]


async def _keys(
    wire: Wire, reader: SimulatedReader, addresses: list[int]
) -> list[float]:
    """Return the milliseconds from a press to the box, many times."""
    heard = asyncio.Event()

    def hear(_address: int, event: words.Event) -> None:
        if isinstance(event, words.Keys):
            heard.set()

    line = Rs485Line(SerialPort(str(wire.path), BAUD), hear)
    found = []
    async with _served(line, reader, addresses):
        for _ in range(TIMES):
            await asyncio.sleep(0.037)
            heard.clear()
            started = time.perf_counter()
            reader.press("1")
            await heard.wait()
            found.append((time.perf_counter() - started) * 1000)
    return found


@asynccontextmanager
async def _served(
    line: Rs485Line, reader: SimulatedReader, addresses: list[int]
) -> AsyncIterator[None]:
    async def stations() -> list[Station]:
        new = reader.key is None
        return [Station(each, KEY, installing=new) for each in addresses]

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(line.run(stations))
        while line.health(addresses[0]) is not Health.GOOD:
            await asyncio.sleep(0.01)
        yield
        running.cancel()


async def _replugged(wire: Wire) -> float:
    """Return the seconds from putting a plug back until its reader serves, at worst."""
    line = Rs485Line(SerialPort(str(wire.path), BAUD), lambda _address, _event: None)
    worst = 0.0

    async def stations() -> list[Station]:
        return [Station(0, KEY)]

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(line.run(stations))
        for _ in range(PLUGS):
            while line.health(0) is not Health.GOOD:
                await asyncio.sleep(0.01)
            wire.pull()
            while line.health(0) is Health.GOOD:
                await asyncio.sleep(0.01)
            wire.plug()
            started = time.perf_counter()
            while line.health(0) is not Health.GOOD:
                await asyncio.sleep(0.005)
            worst = max(worst, time.perf_counter() - started)
        running.cancel()
    return worst


async def _update(folder: Path) -> Figure:
    """Measure the line's bytes a second while an image goes over it."""
    make_key(folder / "firmware.key", folder / "firmware.pub")
    images = []
    for version in ("1.0.0", "1.1.0"):
        program, out = folder / "app.bin", folder / f"{version}.bin"
        program.write_bytes(version.encode() * (IMAGE // 5))
        sign(program, out, folder / "firmware.key", Label(version, 1, "b", 0x20000))
        images.append(out.read_bytes())
    controller = SimulatedController(Flash(images[0]))
    wire, sent = Wire(folder / "controller", controller.path, BAUD), [0]

    def count(raw: bytes) -> bytes:
        sent[0] += len(raw)
        return raw

    wire.to_device = count
    wire.plug()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(controller.run())
        link = SmpController(str(wire.path), BAUD)
        await link.answers()
        sent[0], started = 0, time.perf_counter()
        await link.upload(images[1], lambda _offset: None)
        seconds = time.perf_counter() - started
        running.cancel()
    wire.pull()
    share = 100 * sent[0] / seconds / (BAUD / BITS_A_BYTE)
    what = f"update of {len(images[1])} bytes in {seconds:.1f} s, of the line's rate"
    return Figure(what, share, "%", 80, at_least=True)


async def _card(folder: Path) -> Figure:
    """Measure an ID card's reading as a multiple of its bytes' time on the wire."""
    text = resident("租客甲", "330522199003150016")
    simulated = SimulatedCardReader(text, there=False)
    passed, needed, spent, put_on = [0], 0.0, 0.0, 0.0

    def told(step: CardStep) -> None:
        nonlocal put_on
        if step is CardStep.PUT_ON:
            simulated.there, passed[0], put_on = True, 0, time.perf_counter()

    def count(raw: bytes) -> bytes:
        passed[0] += len(raw)
        return raw

    wire = Wire(folder / "cards", simulated.path, BAUD, count, count)
    wire.plug()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(simulated.run())
        for _ in range(CARDS):
            reader = IdCardReader(SerialPort(str(wire.path), BAUD))
            await reader.read(told)
            spent += time.perf_counter() - put_on
            needed += passed[0] * BITS_A_BYTE / BAUD
            simulated.there = False
        running.cancel()
    wire.pull()
    what = f"ID card read in {1000 * spent / CARDS:.0f} ms, of its bytes' time"
    return Figure(what, spent / needed, "×", 1.3)
