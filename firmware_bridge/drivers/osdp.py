"""Readers with a strike on RS-485 lines (OSDP): a lock and a keypad in one."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import DevicesError, LockSilent
from devices.model.locks import Bolt, Lock, WhenAlone
from devices.model.places import Door, LockId
from devices.model.tasks import Incident
from devices.ports import Houses
from devices.rules.pins import PIN_DIGITS
from devices.service.cards import Cards
from devices.service.locks import Locks
from devices.service.readers import Readers
from devices.service.watching import Watching
from firmware_bridge.drivers.bare import BareDriver
from firmware_bridge.links.rs485 import LineSilent, Rs485Line, Station
from firmware_bridge.osdp import words
from firmware_bridge.osdp.health import Health
from firmware_bridge.osdp.keypad import Keypad
from ledger.clock import Clock
from ledger.errors import LedgerError

KIND = "osdp"
# A reader takes a command within two polls; after that nobody waits at the door.
TAKEN_WITHIN = 1.0
# A plug that was moved is back sooner; a reader that stays away is told of.
LOST_FOR = timedelta(seconds=10)
LOOK_AFTER = 1.0
SHOWN_FOR = timedelta(seconds=2)
FOREIGN = {Health.WRONG_KEY, Health.DEFAULT_KEY}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """A reader as the installer set it up: where it is, and what is wired to it."""

    line: str
    address: int
    strike_output: int = 0
    strike_time: timedelta = timedelta(seconds=5)
    contact_input: int | None = None
    contact_open: bool = True
    alone: WhenAlone = WhenAlone.STAYS_SHUT

    @property
    def lock(self) -> LockId:
        """The lock that its strike is."""
        return LockId(f"{KIND}:{self.line}:{self.address}")

    @property
    def name(self) -> str:
        """What the installer calls it, and its keypad."""
        return f"{self.line}-{self.address}"


@dataclass(slots=True)
class Reader:
    """A reader at work: what was typed, what it has said and nobody has taken yet."""

    plan: ReaderPlan
    line: Rs485Line
    keypad: Keypad = field(default_factory=lambda: Keypad(PIN_DIGITS))
    said: asyncio.Queue[words.Event] = field(default_factory=asyncio.Queue)
    lost_at: datetime | None = None

    @property
    def health(self) -> Health:
        """How it is."""
        return self.line.health(self.plan.address)

    def tell(self, *commands: tuple[int, dict[str, object]]) -> None:
        """Show or sound something, where the reader can; nobody waits for it."""
        for capability, command in commands:
            if self.line.able(self.plan.address, capability):
                with suppress(LineSilent):
                    _ = self.line.tell(self.plan.address, command)


# What a reader is asked to be able to (annex B), and what it then shows.
LIGHTS, BEEPS, TEXTS = 4, 5, 6
GOOD = (
    (LIGHTS, words.light(words.Light.GREEN, SHOWN_FOR)),
    (BEEPS, words.beep(1)),
    (TEXTS, words.show("OPEN", SHOWN_FOR)),
)
BAD = (
    (LIGHTS, words.light(words.Light.RED, SHOWN_FOR)),
    (BEEPS, words.beep(3)),
    (TEXTS, words.show("NO", SHOWN_FOR)),
)


@dataclass(slots=True)
class OsdpDriver(BareDriver):
    """Fulfils LockDriver for strikes: the reader itself lets go after a while."""

    readers: dict[LockId, Reader] = field(default_factory=dict)

    def release(self, lock: Lock) -> Awaitable[None]:
        reader = self.readers.get(lock.id)
        if reader is None:
            raise LockSilent("this reader is not in the config any more")
        plan = reader.plan
        try:
            told = words.strike(plan.strike_output, plan.strike_time)
            taken = reader.line.tell(plan.address, told)
        except LineSilent as error:
            raise LockSilent("the reader does not answer on its line") from error
        return self._taken(reader, taken)

    async def obeys(self, lock: LockId) -> bool:
        """Say whether a reader's strike takes commands, without moving it."""
        if (reader := self.readers.get(lock)) is None:
            return False
        plan = reader.plan
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                await reader.line.tell(plan.address, words.rest(plan.strike_output))
        except (LineSilent, TimeoutError):
            return False
        return True

    async def _taken(self, reader: Reader, taken: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                await taken
        except (LineSilent, TimeoutError) as error:
            raise LockSilent("the reader did not take the command") from error
        # What it acknowledged it does, and lets go by itself: also where it never says.
        reader.said.put_nowait(words.Outputs((True,)))
        loop = asyncio.get_running_loop()
        over = reader.plan.strike_time.total_seconds()
        loop.call_later(over, reader.said.put_nowait, words.Outputs((False,)))


@dataclass(slots=True)
class OsdpFeed:
    """Takes what readers say to where it belongs, each reader in its own time."""

    driver: OsdpDriver
    keys: Readers
    locks: Locks
    cards: Cards
    watching: Watching
    houses: Houses
    clock: Clock
    _doors: Sequence[Door] = ()

    def add(self, line: Rs485Line, plans: Sequence[ReaderPlan]) -> None:
        """Take a line with its readers; they show as locks and keypads at once."""
        for plan in plans:
            self.driver.readers[plan.lock] = Reader(plan, line)
            self.locks.alone[plan.lock] = plan.alone
        found = [Lock(plan.lock, plan.name, "OSDP") for plan in plans]
        self.locks.discover(found, [plan.name for plan in plans])

    async def refresh(self) -> None:
        """Read again which reader is at which door."""
        self._doors = tuple(await self.houses.every_door())

    def hear(self, line: str, address: int, event: words.Event) -> None:
        """Take what a reader says; never wait."""
        reader = self.driver.readers.get(LockId(f"{KIND}:{line}:{address}"))
        if reader is not None:
            reader.said.put_nowait(event)

    async def stations(self, line: str) -> Sequence[Station]:
        """Say how a line's readers are spoken to now."""
        plans = [r.plan for r in self.driver.readers.values() if r.plan.line == line]
        keys = [(plan, await self.keys.key(plan.lock)) for plan in plans]
        return [Station(p.address, k.secret, not k.installed) for p, k in keys]

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self.driver.readers.values():
                tasks.create_task(self._serve(reader))
            tasks.create_task(self._look_after())

    async def replace(self, lock: LockId) -> None:
        """Let another reader in a reader's place be given a key, once."""
        await self.keys.replace(lock)
        self.driver.readers[lock].line.begin_anew()

    async def _serve(self, reader: Reader) -> None:
        while True:
            event = await reader.said.get()
            try:
                await self._take(reader, event)
            except (DevicesError, LedgerError) as error:
                log.warning("%s: %s", reader.plan.lock, type(error).__name__)
                reader.tell(*BAD)

    async def _take(self, reader: Reader, event: words.Event) -> None:
        match event:
            case words.Keys(keys):
                for code in reader.keypad.press(keys, self.clock.now()):
                    await self._code(reader, code)
            case words.Card(code):
                await self._code(reader, code)
            case words.Misread():
                reader.tell(*BAD)
            case words.Local(tamper, power):
                self._sense(reader, Incident.TAMPER, on=tamper)
                self._sense(reader, Incident.POWER_FAILS, on=power)
            case words.Inputs(active):
                self._contact(reader, active)
            case _:
                await self._state(reader, event)

    async def _state(self, reader: Reader, event: words.Event) -> None:
        lock, now = self.locks.find(reader.plan.lock), self.clock.now()
        match event:
            case words.Secure(True, False):
                await self.keys.installed(lock.id)
                heard = replace(lock, reachable=True, seen_at=now)
            case words.Online(False):
                heard = replace(lock, reachable=False, bolt=Bolt.UNKNOWN)
            case words.Online(True):
                bolt = Bolt.LOCKED if lock.bolt is Bolt.UNKNOWN else lock.bolt
                heard = replace(lock, reachable=True, bolt=bolt, seen_at=now)
            case words.Outputs(active) if len(active) > reader.plan.strike_output:
                struck = active[reader.plan.strike_output]
                bolt = Bolt.UNLOCKED if struck else Bolt.LOCKED
                heard = replace(lock, bolt=bolt, seen_at=now)
            case _:
                return
        if (kept := self.locks.hear(heard)) is not None:
            await kept

    async def _code(self, reader: Reader, code: str) -> None:
        door = self._door(reader)
        if door is None:
            log.warning("a reader that hangs at no door was used")
            reader.tell(*BAD)
            return
        verdict = await self.cards.present(door, code)
        good = verdict is None or bool(verdict)
        reader.tell(*(GOOD if good else BAD))

    def _contact(self, reader: Reader, active: tuple[bool, ...]) -> None:
        number, door = reader.plan.contact_input, self._door(reader)
        if door is not None and number is not None and number < len(active):
            open_ = active[number] is reader.plan.contact_open
            self.watching.contact(door, open_=open_)

    def _sense(self, reader: Reader, incident: Incident, *, on: bool) -> None:
        if door := self._door(reader):
            self.watching.sense(incident, door.id, on=on)

    def _door(self, reader: Reader) -> Door | None:
        plan = reader.plan
        here = (d for d in self._doors if plan.name == d.keypad or plan.lock == d.lock)
        return next(here, None)

    async def _look_after(self) -> None:
        while True:
            for reader in self.driver.readers.values():
                self._look_at(reader)
            await asyncio.sleep(LOOK_AFTER)

    def _look_at(self, reader: Reader) -> None:
        """Tell of a reader that stays away, and at once of one that is another."""
        health, now = reader.health, self.clock.now()
        if health is Health.GOOD:
            reader.lost_at = None
            for incident in (Incident.LOCK_SILENT, Incident.READER_FOREIGN):
                self._sense(reader, incident, on=False)
            return
        reader.lost_at = reader.lost_at or now
        if health in FOREIGN:
            self._sense(reader, Incident.READER_FOREIGN, on=True)
        elif now - reader.lost_at >= LOST_FOR:
            self._sense(reader, Incident.LOCK_SILENT, on=True)
