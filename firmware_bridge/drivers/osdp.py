"""Readers with a strike on RS-485 lines (OSDP), told what to do."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devices.model.errors import LockSilent
from devices.model.locks import Lock, WhenAlone
from devices.model.places import LockId
from devices.rules.pins import PIN_DIGITS
from firmware_bridge.drivers.bare import BareDriver
from firmware_bridge.links.rs485 import LineSilent, Rs485Line
from firmware_bridge.osdp import words
from firmware_bridge.osdp.health import Health
from firmware_bridge.osdp.keypad import Keypad

KIND = "osdp"
# A reader takes a command within two polls; after that nobody waits at the door.
TAKEN_WITHIN = 1.0
# What a reader must be able to before it is told (annex B).
OUTPUTS = 2


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
