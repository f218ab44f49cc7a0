"""Readers with a strike on RS-485 lines (OSDP): a lock and a keypad in one."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import DevicesError, LockSilent
from devices.model.keys import Refusal
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
from firmware_bridge.links.rs485 import LineSilent, Rs485Line
from firmware_bridge.osdp import words
from firmware_bridge.osdp.handshake import Station
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
SHOWN_FOR, LOOKS_FOR = timedelta(seconds=2), timedelta(seconds=8)
# What a reader is asked to be able to (annex B), and what it then shows.
OUTPUTS, LIGHTS, BEEPS, TEXTS = 2, 4, 5, 6
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


@dataclass(frozen=True, slots=True)
class Strike:
    """What a reader's strike does, by what the reader has acknowledged."""

    on: bool


@dataclass(slots=True)
class Reader:
    """A reader at work: what was typed, what it has said and nobody has taken yet."""

    plan: ReaderPlan
    line: Rs485Line
    keypad: Keypad = field(default_factory=lambda: Keypad(PIN_DIGITS))
    said: asyncio.Queue[words.Event | Strike] = field(default_factory=asyncio.Queue)
    lost_at: datetime | None = None
    rests: asyncio.TimerHandle | None = None

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

    def switch(self, command: dict[str, object]) -> asyncio.Future[None]:
        """Tell its strike something; LineSilent where it is lost or has none."""
        address, output = self.plan.address, self.plan.strike_output
        if not self.line.able(address, OUTPUTS, output):
            raise LineSilent
        return self.line.tell(address, command)

    def rests_after(self, time: timedelta) -> None:
        """Take note that its strike is at rest after a while, if it stays in touch."""
        self.loses()
        loop, over = asyncio.get_running_loop(), Strike(on=False)
        self.rests = loop.call_later(time.total_seconds(), self.said.put_nowait, over)

    def loses(self) -> None:
        """Take note that nobody knows what its strike does."""
        if self.rests is not None:
            self.rests.cancel()


GOOD = (
    (LIGHTS, words.light(words.Light.GREEN, SHOWN_FOR)),
    (BEEPS, words.beep(1)),
    (TEXTS, words.show("OPEN", SHOWN_FOR)),
)
LOOK = (
    (LIGHTS, words.light(words.Light.AMBER, LOOKS_FOR)),
    (BEEPS, words.beep(2)),
    (TEXTS, words.show("LOOK", LOOKS_FOR)),
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
            taken = reader.switch(words.strike(plan.strike_output, plan.strike_time))
        except LineSilent as error:
            raise LockSilent("the reader does not take this on its line") from error
        return self._struck(reader, taken)

    async def obeys(self, lock: LockId) -> bool:
        """Say whether a reader's strike takes commands, without moving it."""
        if (reader := self.readers.get(lock)) is None:
            return False
        try:
            taken = reader.switch(words.untouched(reader.plan.strike_output))
            await _taken(reader, taken)
        except (LineSilent, LockSilent):
            return False
        return True

    async def _struck(self, reader: Reader, taken: asyncio.Future[None]) -> None:
        await _taken(reader, taken)
        # What it acknowledged it does, and lets go by itself: also where it never says.
        reader.said.put_nowait(Strike(on=True))
        reader.rests_after(reader.plan.strike_time)


async def _taken(reader: Reader, taken: asyncio.Future[None]) -> None:
    """Wait until a reader has taken a command; one that has not by then never will."""
    try:
        async with asyncio.timeout(TAKEN_WITHIN):
            await taken
    except TimeoutError as error:
        reader.line.begin_anew()
        raise LockSilent("the reader did not take the command") from error
    except LineSilent as error:
        raise LockSilent("the reader did not take the command") from error


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

    async def _take(self, reader: Reader, event: words.Event | Strike) -> None:
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

    async def _state(self, reader: Reader, event: words.Event | Strike) -> None:
        lock, now = self.locks.find(reader.plan.lock), self.clock.now()
        match event:
            case words.Secure(True, False):
                await self.keys.installed(lock.id)
                self._is_back(lock.id)
                heard = replace(lock, reachable=True, seen_at=now)
            case words.Online(True):
                self._let_rest(reader)
                return
            case words.Online(False):
                reader.loses()
                heard = replace(lock, reachable=False, bolt=Bolt.UNKNOWN)
            case Strike(on) if lock.reachable:
                heard = replace(lock, bolt=_bolt(struck=on), seen_at=now)
            case words.Outputs(active) if len(active) > reader.plan.strike_output:
                on = active[reader.plan.strike_output]
                heard = replace(lock, bolt=_bolt(struck=on), seen_at=now)
            case _:
                return
        if (kept := self.locks.hear(heard)) is not None:
            await kept

    def _is_back(self, lock: LockId) -> None:
        for door in self._doors:
            if door.lock == lock:
                self.watching.over(Incident.LOCK_SILENT, door.id)

    def _let_rest(self, reader: Reader) -> None:
        """Have a strike be at rest that nobody saw for a while, then know that it is.

        What it was told to do before runs on to its end.
        """
        plan = reader.plan

        def rests(taken: asyncio.Future[None]) -> None:
            if taken.exception() is None:
                reader.rests_after(plan.strike_time)

        with suppress(LineSilent):
            taken = reader.switch(words.rest(plan.strike_output))
            taken.add_done_callback(rests)

    async def _code(self, reader: Reader, code: str) -> None:
        door = self._door(reader)
        if door is None:
            log.warning("a reader that hangs at no door was used")
            reader.tell(*BAD)
            return
        verdict = await self.cards.present(door, code)
        if verdict is not None and verdict.refusal is Refusal.LOOKING:
            reader.tell(*LOOK)  # the door waits for the camera, and opens by itself
            return
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


def _bolt(*, struck: bool) -> Bolt:
    return Bolt.UNLOCKED if struck else Bolt.LOCKED
