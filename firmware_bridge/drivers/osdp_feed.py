"""What readers on RS-485 lines (OSDP) say: a lock and a keypad in one."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from devices.model.errors import DevicesError
from devices.model.keys import Refusal
from devices.model.locks import Bolt, Digits, Lock
from devices.model.places import Door, LockId
from devices.model.tasks import Incident
from devices.ports import Houses
from devices.rules.pins import PIN_DIGITS
from devices.service.cards import Cards
from devices.service.locks import Locks
from devices.service.readers import Readers
from devices.service.watching import Watching
from firmware_bridge.drivers.osdp import KIND, OsdpDriver, Reader, ReaderPlan, Strike
from firmware_bridge.links.rs485 import LineSilent, Rs485Line
from firmware_bridge.osdp import words
from firmware_bridge.osdp.handshake import Station
from firmware_bridge.osdp.health import Health
from ledger.clock import Clock
from ledger.errors import LedgerError

# A plug that was moved is back sooner; a reader that stays away is told of.
LOST_FOR = timedelta(seconds=10)
LOOK_AFTER = 1.0
SHOWN_FOR, LOOKS_FOR = timedelta(seconds=2), timedelta(seconds=8)
# What a reader must be able to (annex B) before it shows that.
LIGHTS, BEEPS, TEXTS = 4, 5, 6
FOREIGN = {Health.WRONG_KEY, Health.DEFAULT_KEY}
log = logging.getLogger(__name__)

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
FAULT = (
    (LIGHTS, words.light(words.Light.RED, SHOWN_FOR)),
    (BEEPS, words.beep(3)),
    (TEXTS, words.show("FAULT", SHOWN_FOR)),
)


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
        six = Digits(PIN_DIGITS, PIN_DIGITS)
        found = [Lock(plan.lock, plan.name, "OSDP", digits=six) for plan in plans]
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
        before = self.locks.commands.get(door.lock)
        verdict = await self.cards.present(door, code)
        if verdict is not None and verdict.refusal is Refusal.LOOKING:
            reader.tell(*LOOK)  # the door waits for the camera, and opens by itself
            return
        if verdict is not None and not verdict:
            reader.tell(*BAD)
            return
        # A good code opens nothing where no strike or bolt moves.
        moved = verdict is None or self.locks.took(door.lock, before)
        reader.tell(*(GOOD if moved else FAULT))

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
