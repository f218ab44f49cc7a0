"""Brings what a lock holds to what it ought to hold, and believes only the lock."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from devices.model.errors import DevicesError
from devices.model.keys import Credential, CredentialState, EKey
from devices.model.locks import Lock, ReadBack
from devices.model.places import LockId
from devices.model.tasks import Incident, Task, TaskId, TaskKind
from devices.ports import Houses, Incidents, KeyRing, LockDriver, Tasks
from devices.rules.keys import over
from devices.rules.pins import PAUSE_MAX, WRITES, drawn, heard, next_step, pause
from devices.service.locks import Locks
from ledger.book import Book
from ledger.clock import Clock
from ledger.errors import Conflict, Erased
from ledger.ids import new_id

GOING = {CredentialState.WRITING, CredentialState.CLEARING}
ANSWER_WITHIN = 10.0
BLIND_AGAIN = timedelta(days=1)


@dataclass(slots=True)
class Breaker:
    """How often a lock failed in a row, and until when it is left alone."""

    failures: int = 0
    until: datetime | None = None


class News(Enum):
    """What a word about a slot says that was not said before."""

    CHANGED = "changed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SlotWord:
    """What is said of a slot: whether it holds a PIN, and which where that is told."""

    slot: int
    held: bool
    pin: str | None = field(repr=False, default=None)


@dataclass(slots=True)
class Credentials:
    """Keeps the PINs at the locks in step with the e-keys.

    One command is under way at a lock at a time; a lock that does not answer is left
    alone for a while that grows, and slows no other.
    """

    book: Book
    keys: KeyRing
    locks: Locks
    driver: LockDriver
    tasks: Tasks
    houses: Houses
    incidents: Incidents
    clock: Clock
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    breakers: dict[LockId, Breaker] = field(default_factory=dict)
    said: dict[LockId, dict[int, bool]] = field(default_factory=dict)
    pins_said: dict[LockId, dict[int, bytes]] = field(default_factory=dict)
    unanswered: dict[LockId, list[tuple[int, bool]]] = field(default_factory=dict)

    async def settle(self) -> None:
        """Tell each lock the next thing that it does not yet hold, or still holds."""
        now = self.clock.now()
        of_lock: dict[LockId, list[tuple[Credential, EKey]]] = defaultdict(list)
        for credential, key in self.keys.credentials():
            of_lock[credential.lock].append((credential, key))
        async with asyncio.TaskGroup() as tasks:
            for lock, given in of_lock.items():
                if (picked := _pick(given, now)) and not self._rests(lock, now):
                    tasks.create_task(self._step(*picked, now))

    async def hear(
        self,
        lock: LockId,
        slot: int,
        *,
        held: bool,
        pin: str | None = None,
        fresh: bool = True,
    ) -> None:
        """Take what is said of one slot."""
        await self.hear_all(lock, [SlotWord(slot, held, pin)], fresh=fresh)

    async def hear_all(
        self, lock: LockId, words: Sequence[SlotWord], *, fresh: bool = True
    ) -> None:
        """Take what is said of slots: that they hold a PIN, or none, perhaps which.

        Bridges say again what a lock told them long ago. So it is believed of a slot of
        Lodge's only where it is not what was said before, or names the PIN itself, and
        never where it is not `fresh`: kept by the broker, or not of the lock's own
        speaking. The first word of a slot is what later ones are held against.
        """
        if fresh:
            self.answered(lock)
        # Taken in before anything waits: words do not overtake each other.
        news = [(word, self._learn(lock, word, fresh=fresh)) for word in words]
        for word, what in news:
            standing = self.keys.standing(lock, word.slot)
            if standing is not None and what is not None:
                other = what is News.OTHER
                await self._take(*standing, held=word.held, other=other)

    def _learn(self, lock: LockId, word: SlotWord, *, fresh: bool) -> News | None:
        said = self.said.setdefault(lock, {})
        before = said.get(word.slot)
        if fresh or before is None:
            said[word.slot] = word.held
        standing = self.keys.standing(lock, word.slot)
        strangers = self.locks.strangers.setdefault(lock, set())
        (strangers.add if word.held and not standing else strangers.discard)(word.slot)
        if standing is None:
            return None
        named = self._named(lock, word, standing[0], fresh=fresh)
        if named is not None:
            return named
        changed = fresh and before not in {None, word.held}
        return News.CHANGED if changed else None

    def _named(
        self, lock: LockId, word: SlotWord, credential: Credential, *, fresh: bool
    ) -> News | None:
        """Look at a PIN that is told; one that was told before is old news."""
        if not word.held or word.pin is None:
            return None
        pins, told = self.pins_said.setdefault(lock, {}), word.pin
        digest = self.keys.digest(lock, told)
        before = pins.get(word.slot)
        if fresh or before is None:
            pins[word.slot] = digest
        if fresh and digest == credential.digest:
            return News.CHANGED
        return News.OTHER if fresh and before not in {None, digest} else None

    async def _take(
        self, credential: Credential, key: EKey, *, held: bool, other: bool = False
    ) -> None:
        """Believe a lock that a slot holds a PIN, is empty, or holds an `other` PIN."""
        ended = over(key, self.clock.now())
        after = heard(credential.state, held=held, ended=ended, other=other)
        if after is not credential.state:
            with suppress(Conflict):  # the PIN was changed meanwhile: ask anew
                await self._mark(replace(credential, state=after, tries=0, due=None))
            self.moved.set()

    async def stored(self, lock: LockId, *, cleared: bool) -> None:
        """Take the word of a lock that says that it stored or cleared, not which.

        Only where one command was told it since its last word is it that one's.
        """
        told = self.unanswered.pop(lock, [])
        self.answered(lock)
        if len(told) != 1 or told[0][1] is not cleared:
            return
        if standing := self.keys.standing(lock, told[0][0]):
            await self._take(*standing, held=not cleared)

    async def ask(self, lock: LockId, slot: int) -> None:
        """Ask a lock what a slot holds, as after somebody changed codes at it."""
        with suppress(DevicesError):
            await self.driver.ask_slot(self.locks.find(lock), slot)

    async def attest(self, key: EKey) -> None:
        """Take a person's word that a key's PINs are gone, seen at the keypad."""
        for credential, owner in self.keys.credentials():
            if owner.id == key.id and credential.state is CredentialState.CLEARING:
                ended = over(owner, self.clock.now())
                after = heard(credential.state, held=False, ended=ended)
                await self._mark(replace(credential, state=after, tries=0, due=None))
                self.said.get(credential.lock, {}).pop(credential.slot, None)
        async with self.book.page() as page:
            self.tasks.close(page, key.id, self.clock.now())

    def answered(self, lock: LockId) -> None:
        """Take note that a lock is there; what it was told before may be told again."""
        if self.breakers.pop(lock, None):
            self.incidents.gone(Incident.LOCK_SILENT, lock)

    def ready(self, key: EKey) -> bool:
        """Say whether every code of former holders is known to be gone at its doors."""
        locks = {given.lock for given, owner in self.keys.credentials() if owner == key}
        now = self.clock.now()
        return not any(
            given.lock in locks
            and over(owner, now)
            and given.state not in {CredentialState.CLEARED, CredentialState.KEPT_HERE}
            for given, owner in self.keys.credentials()
        ) and not any(self.locks.foreign(lock) for lock in locks)

    def _rests(self, lock: LockId, now: datetime) -> bool:
        breaker = self.breakers.get(lock)
        return bool(breaker and breaker.until and now < breaker.until)

    async def _step(self, credential: Credential, key: EKey, now: datetime) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._tell(credential, key, now)
        except Conflict:
            return  # the PIN was changed meanwhile: the next round sees the new one
        except (DevicesError, TimeoutError):
            self._fail(credential.lock, now)

    def _fail(self, lock: LockId, now: datetime) -> None:
        breaker = self.breakers.setdefault(lock, Breaker())
        breaker.until = now + pause(breaker.failures)
        breaker.failures += 1
        self.incidents.report(Incident.LOCK_SILENT, lock)

    async def _tell(self, credential: Credential, key: EKey, now: datetime) -> None:
        going = next_step(credential, key, now)
        if going is CredentialState.CLEARED:
            await self._mark(replace(credential, state=going))
            return
        lock = self.locks.find(credential.lock)
        blind = lock.read_back is ReadBack.NEVER
        holds = self.said.get(credential.lock, {}).get(credential.slot)
        if going is CredentialState.WRITING and holds and not blind:
            # That it holds one afterwards would be no news.
            going = CredentialState.CLEARING
        tries = credential.tries + 1 if going is credential.state else 1
        due = now + pause(tries - 1)
        told = replace(credential, state=going, tries=tries, due=due)
        await self._mark(told)
        clears = going is CredentialState.CLEARING
        if tries == WRITES or (blind and clears):
            await self._hand_over(key, lock)
        if holds is None and not blind:
            # What it says before is what it is held against afterwards.
            await self.driver.ask_slot(lock, credential.slot)
        if clears:
            await self._clear(lock, told)
        else:
            await self._write(lock, credential, key)
        if blind:
            self.unanswered.setdefault(lock.id, []).append((told.slot, clears))
            await self._go_on_blind(told, key, now)
        else:
            await self.driver.ask_slot(lock, credential.slot)

    async def _go_on_blind(self, told: Credential, key: EKey, now: datetime) -> None:
        """Go on where the lock gives no word: unconfirmed, never said to be done.

        That a former holder's PIN is gone, only a person at the keypad can say.
        """
        if told.state is CredentialState.WRITING:
            after = replace(told, state=CredentialState.UNCONFIRMED, tries=0, due=None)
        elif over(key, now):
            # It is told again tomorrow, and holds up nothing else until then.
            after = replace(told, tries=max(told.tries, 2), due=now + BLIND_AGAIN)
        else:
            after = replace(told, state=CredentialState.WAITING, tries=0, due=None)
        await self._mark(after)

    async def _clear(self, lock: Lock, told: Credential) -> None:
        """Empty a slot; one that is said to be empty since before is filled first.

        It may hold a PIN of which the lock never told. What fills it nobody is told.
        """
        known = self.said.get(lock.id, {}).get(told.slot)
        if known is False and told.tries > 1 and lock.read_back is ReadBack.STATUS:
            await self.driver.write_pin(lock, told.slot, drawn(lock.digits.least))
        else:
            await self.driver.clear_pin(lock, told.slot)

    async def _write(self, lock: Lock, credential: Credential, key: EKey) -> None:
        try:
            pin = await self.keys.reveal(credential, key.holder)
        except Erased:
            return
        await self.driver.write_pin(lock, credential.slot, pin)

    async def _mark(self, credential: Credential) -> None:
        async with self.book.page() as page:
            self.keys.mark(page, credential)
            if credential.state is CredentialState.CLEARED:
                # Not where its key was prolonged since it was judged.
                self.keys.stands(page, self.keys.key(credential.key))
                self.tasks.close(page, credential.key, self.clock.now())
        self.keys.keep(credential)

    async def _hand_over(self, key: EKey, lock: Lock) -> None:
        doors = await self.houses.every_door()
        door = next((each for each in doors if each.lock == lock.id), None)
        if door is None:
            return
        house = await self.houses.house(door.house)
        task = Task(
            id=TaskId(new_id()),
            kind=TaskKind.CLEAR_AT_KEYPAD,
            owner=house.landlord.account,
            about=key.id,
            opened=self.clock.now(),
            term=PAUSE_MAX,
        )
        async with self.book.page() as page:
            self.tasks.open(page, task)


def _pick(
    given: list[tuple[Credential, EKey]], now: datetime
) -> tuple[Credential, EKey] | None:
    """Return what to tell a lock next; what was tried least comes first.

    Nothing while the lock still has its time to answer; a slot that stays silent does
    not hold up the others.
    """
    if any(each.tries == 1 and not _late(each, now) for each, _ in given):
        return None
    steps = [each for each in given if _due(*each, now)]
    return min(steps, key=lambda each: each[0].tries, default=None)


def _due(credential: Credential, key: EKey, now: datetime) -> bool:
    step, state = next_step(credential, key, now), credential.state
    if state in GOING and step in GOING:
        return _late(credential, now)
    return step is not state


def _late(credential: Credential, now: datetime) -> bool:
    return credential.due is None or now >= credential.due
