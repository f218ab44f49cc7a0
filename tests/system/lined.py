"""A house with a serial line: a simulated reader in a process of its own."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from devices.model.keys import KeyKind
from devices.service.ekeys import Order
from firmware_bridge.drivers.osdp import OsdpDriver
from firmware_bridge.drivers.routing import RoutedDriver
from firmware_bridge.osdp.health import Health
from gateway.demo.wire import Wire
from gateway.settings import ReaderWiring, SerialLine
from gateway.wiring.lines import Lines, open_lines
from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.test_broker_link import until
from tests.system.world import LANDLORD, World, build, drawn

PIN, WRONG = "471193", "471194"
STRIKE = "PT1S"
OPENS = "strike opens for 1 s"
REFUSED = "beep beep beep"


@dataclass
class ReaderProgram:
    """`lodge devices simulate reader`, and what it has said so far."""

    address: int
    keep: Path
    more: tuple[str, ...] = ()
    said: list[str] = field(default_factory=list)
    port: str = ""
    process: Process | None = None
    reading: asyncio.Task | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "devices", "simulate", "reader"),
            *("--address", str(self.address), "--keep", str(self.keep), *self.more),
            stdin=PIPE,
            stdout=PIPE,
        )
        first = (await self.process.stdout.readline()).decode()
        self.port = first.split(",")[0].removeprefix("port ")
        self.reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().strip())

    def type(self, words: str) -> None:
        self.process.stdin.write(f"{words}\n".encode())

    def count(self, what: str) -> int:
        return sum(what in each for each in self.said)

    async def stop(self) -> None:
        self.process.kill()
        await self.process.wait()
        self.reading.cancel()


@dataclass
class Lined:
    """The box's own wiring between a real ledger, one line, and readers on it."""

    world: World
    lines: Lines
    wire: Wire
    readers: list[ReaderProgram]
    output: int = 0
    running: list[asyncio.Task] = field(default_factory=list)

    def __getattr__(self, name: str):
        return getattr(self.world, name)

    @property
    def reader(self) -> ReaderProgram:
        return self.readers[0]

    def health(self, address: int = 0) -> Health:
        return self.lines.lines["hall"].health(address)

    async def good(self, address: int = 0) -> None:
        await until(lambda: self.health(address) is Health.GOOD)

    def begin(self) -> None:
        self.running = [
            asyncio.get_running_loop().create_task(run())
            for run in self.lines.tasks.values()
        ]

    async def end(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def restart(self) -> None:
        """End the box's side of the line and begin it anew, from the ledger alone."""
        await self.end()
        addresses = [reader.address for reader in self.readers]
        self.lines = opened(self.world, self.wire, addresses, self.output)
        await self.lines.feed.refresh()
        self.begin()


def opened(world: World, wire: Wire, addresses: list[int], output: int = 0) -> Lines:
    driver = OsdpDriver()
    world.services.locks.driver.drivers["osdp"] = driver
    wired = [
        ReaderWiring(
            address=each, strike_output=output, strike_time=STRIKE, contact_input=0
        )
        for each in addresses
    ]
    line = SerialLine(name="hall", port=str(wire.path), readers=wired)
    return open_lines([line], driver, world.stores, world.services)


@asynccontextmanager
async def lined(
    stores: Stores,
    clock: FixedClock,
    folder: Path,
    addresses: tuple[int, ...] = (0,),
    more: tuple[str, ...] = (),
    output: int = 0,
) -> AsyncIterator[Lined]:
    """Build a house whose front door has a reader on a line, and start it."""
    world = await build(stores, clock)
    routed = RoutedDriver(world.driver, {})
    world.services.locks.driver = world.services.credentials.driver = routed
    reader = ReaderProgram(addresses[0], folder / "reader.key", more)
    await reader.start()
    wire = Wire(folder / "line", reader.port)
    wire.plug()
    lines = opened(world, wire, list(addresses), output)
    found = Lined(world, lines, wire, [reader], output)
    lock = found.lines.feed.driver.readers
    first = next(iter(lock.values())).plan
    found.door = await world.building.hang(
        world.door.house, "hall", first.lock, first.name
    )
    await found.lines.feed.refresh()
    found.begin()
    try:
        yield found
    finally:
        await found.end()
        wire.pull()
        await reader.stop()


async def issued(hall: Lined):
    now, hour = hall.clock.now(), timedelta(hours=1)
    order = Order(KeyKind.VISIT, "V", (now - hour, now + hour))
    with drawn(PIN):
        return await hall.ekeys.issue(order, [hall.door], LANDLORD)
