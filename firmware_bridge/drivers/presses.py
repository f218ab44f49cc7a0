"""Keypads behind zigbee2mqtt (IAS ACE): what was pressed is judged once, and answered.

A keypad that hears nothing asks again, some with a new number each time, and then shows
an error; what it is told follows the lock, not the code.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import DevicesError
from devices.model.keys import Refusal
from devices.model.locks import OPEN
from devices.model.places import Door
from devices.service.cards import Cards
from devices.service.locks import Locks
from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.mqtt import zigbee2mqtt as wire
from firmware_bridge.mqtt.messages import Pressed, Told
from ledger.clock import Clock

# A number is the same press for so long; another number may be too, where the keypad
# counts its own repeats.
SAME_PRESS, SAME_CODE = timedelta(seconds=15), timedelta(seconds=8)
# Seconds that a keypad waits for its answer before it asks again.
ANSWER_WITHIN = 2.5
GOOD, WRONG, SHUT = "disarm", "invalid_code", "not_ready"


@dataclass(frozen=True, slots=True)
class Press:
    """What was last pressed at a keypad, when, and what came of it."""

    pressed: Pressed
    at: datetime
    answer: str = ""

    def repeats(self, other: Pressed, now: datetime) -> bool:
        """Say whether another message is this press once more."""
        if replace(self.pressed, transaction=None) != replace(other, transaction=None):
            return False
        same = self.pressed.transaction == other.transaction is not None
        return now - self.at < (SAME_PRESS if same else SAME_CODE)


@dataclass(slots=True)
class Presses:
    """Takes what is pressed at keypads to the doors beside them."""

    base: str
    cards: Cards
    locks: Locks
    clock: Clock
    link: BrokerLink | None = None
    answering: set[str] = field(default_factory=set)
    _last: dict[str, Press] = field(default_factory=dict)

    async def take(self, pressed: Pressed, door: Door) -> None:
        """Judge a press at a door's keypad, and tell the keypad what came of it."""
        now, last = self.clock.now(), self._last.get(pressed.name)
        if last is not None and last.repeats(pressed, now):
            again = last.answer == GOOD and not self._stands_open(door)
            if not again or last.pressed.transaction == pressed.transaction is not None:
                if last.answer:
                    await self._answer(pressed, last.answer)
                return
        self._last[pressed.name] = Press(pressed, now)
        answer = await self._judged(pressed, door)
        self._last[pressed.name] = Press(pressed, now, answer)
        await self._answer(pressed, answer)

    async def seed(self, names: Collection[str]) -> None:
        """Tell keypads that they stand ready: some refuse every key until they are."""
        for name in sorted(self.answering & set(names)):
            await self._tell(wire.keypad_state(self.base, name, GOOD))

    async def _judged(self, pressed: Pressed, door: Door) -> str:
        if not pressed.opens:
            return SHUT
        if not pressed.code:
            return WRONG
        before = self.locks.commands.get(door.lock)
        verdict = await self.cards.present(door, pressed.code)
        if verdict is None:
            return GOOD  # the card that was waited for
        if not verdict and verdict.refusal is not Refusal.LOOKING:
            return WRONG
        came = await self.locks.came(door.lock, before, ANSWER_WITHIN)
        return GOOD if came else SHUT

    def _stands_open(self, door: Door) -> bool:
        lock = self.locks.seen.get(door.lock)
        return lock is not None and lock.bolt in OPEN

    async def _answer(self, pressed: Pressed, mode: str) -> None:
        if pressed.transaction is None or pressed.name not in self.answering:
            return
        told = wire.keypad_answer(self.base, pressed.name, pressed.transaction, mode)
        await self._tell(told)
        if mode == GOOD:
            await self._tell(wire.keypad_state(self.base, pressed.name, GOOD))

    async def _tell(self, told: Told) -> None:
        with suppress(DevicesError):
            if self.link is not None:
                await self.link.publish(told.topic, told.payload)
