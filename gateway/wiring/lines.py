"""The serial lines of a box: loaded only where there are any."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from devices.model.errors import UnknownDoor
from devices.model.locks import WhenAlone
from devices.model.places import LockId
from devices.service.readers import Readers
from firmware_bridge.drivers.osdp import OsdpDriver, ReaderPlan
from firmware_bridge.drivers.osdp_feed import OsdpFeed
from firmware_bridge.links.rs485 import Rs485Line
from firmware_bridge.links.serial_port import SerialPort
from firmware_bridge.osdp.health import Health
from gateway.settings import ReaderWiring, SerialLine
from gateway.wiring.services import Services
from gateway.wiring.stores import Stores
from ledger.keys import KeyClass

# Addresses that an installer gives a reader; past them `lodge devices find` looks.
NEAR = range(16)
LOOKS_FOR = 10.0


@dataclass(slots=True)
class Lines:
    """The lines at work."""

    feed: OsdpFeed
    lines: Mapping[str, Rs485Line]
    tasks: dict[str, Callable[[], Coroutine[Any, Any, None]]] = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = {"readers": self.feed.run}
        for name, line in self.lines.items():
            stations = partial(self.feed.stations, name)
            self.tasks[f"line {name}"] = partial(line.run, stations)

    async def states(self) -> list[dict[str, Any]]:
        """Say how each reader is; where one is silent, look who else is on its line."""
        readers = list(self.feed.driver.readers.values())
        silent = {each.plan.line for each in readers if _lost(each.health)}
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKS_FOR):
                looks = [self.lines[name].look(NEAR) for name in silent]
                await asyncio.gather(*looks)
        return [
            {
                "reader": each.plan.lock,
                "line": each.plan.line,
                "address": each.plan.address,
                "port": each.line.port.path,
                "state": each.health.value,
                "others": list(each.line.others),
            }
            for each in readers
        ]

    async def replace(self, reader: str) -> None:
        """Let another reader in a reader's place be given a key, once."""
        if reader not in self.feed.driver.readers:
            raise UnknownDoor("there is no such reader in the config")
        await self.feed.replace(LockId(reader))


def open_lines(
    told: Sequence[SerialLine], driver: OsdpDriver, stores: Stores, services: Services
) -> Lines:
    """Put the lines together."""
    salt = stores.master.derive(KeyClass.AUDIT)
    feed = OsdpFeed(
        driver,
        Readers(stores.book, stores.reader_keys, salt),
        services.locks,
        services.cards,
        services.watching,
        stores.houses,
        stores.clock,
    )
    lines = {}
    for each in told:
        port = SerialPort(each.port, each.baud)
        lines[each.name] = Rs485Line(port, partial(feed.hear, each.name))
        feed.add(lines[each.name], [_plan(each, reader) for reader in each.readers])
    return Lines(feed, lines)


def _plan(line: SerialLine, reader: ReaderWiring) -> ReaderPlan:
    return ReaderPlan(
        line.name,
        reader.address,
        reader.strike_output,
        reader.strike_time,
        reader.contact_input,
        reader.contact_open == "active",
        WhenAlone(reader.alone),
    )


def _lost(health: Health) -> bool:
    return health in {Health.SILENT, Health.GARBAGE, Health.OTHER_ADDRESS}
