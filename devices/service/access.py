"""The one way a door is opened."""

from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import DevicesError
from devices.model.keys import EKey, KeyKind, KeyState, Refusal, Right, Unlock, Verdict
from devices.model.locks import Opening
from devices.model.places import Door, DoorId, HouseId
from devices.model.tasks import Incident
from devices.ports import Incidents, Journal, KeyRing, SecondLook
from devices.rules.keys import judge, judge_remote, lives_there
from devices.rules.pins import card
from devices.service.locks import Locks
from ledger.attempts import Attempts, Limit
from ledger.book import Book
from ledger.clock import Clock, Trust
from ledger.errors import LedgerError

# Five free tries, then a pause that doubles to a quarter of an hour (the user's
# decision, issue "Doors"); every twelve minutes one is forgiven.
KEYPAD = Limit()
VOUCHED = timedelta(days=1)
TOO_MANY = Refusal.TOO_MANY_TRIES


@dataclass(slots=True)
class Access:
    """The one way a door is opened, whoever asks."""

    book: Book
    keys: KeyRing
    journal: Journal
    locks: Locks
    incidents: Incidents
    clock: Clock
    attempts: Attempts
    vouched: dict[HouseId, datetime] = field(default_factory=dict)
    second: SecondLook | None = None
    _spending: set[str] = field(default_factory=set)

    async def present(self, door: Door, pin: str) -> Verdict:
        """Judge a code typed at the door's keypad, and open for it if it is good.

        Where its holder chose a second look, the door waits for that; not for a card.
        """
        request = self.asked(door, self.keys.digest(door.lock, pin))
        if not card(pin) and self.attempts.shut(_keypad(door)):
            return await self._act(door, Verdict(request, None, TOO_MANY))
        verdict = judge(request, self.keys.find(request.digest))
        if not card(pin) and self._looks(door, verdict):
            return replace(verdict, refusal=Refusal.LOOKING)
        self._count(door, verdict)
        return await self._act(door, verdict)

    def _looks(self, door: Door, verdict: Verdict) -> bool:
        if self.second is None or verdict.key is None or not verdict:
            return False
        return self.second.claim(door, verdict.key)

    def asked(self, door: Door, digest: bytes = b"") -> Unlock:
        """Make the request that somebody makes at a door now."""
        clock = self.clock
        if clock.trust is Trust.UNSURE and self._vouched(door):
            told = clock.claimed
            return Unlock(door.id, digest, told, Trust.SURE, told)
        return Unlock(door.id, digest, clock.now(), clock.trust, clock.sure_until)

    def vouch(self, houses: Collection[HouseId]) -> None:
        """Take a landlord's word that the machine's clock is right, for his houses.

        It holds for a day, and only while the clock goes on from there.
        """
        self.vouched.update(dict.fromkeys(houses, self.clock.claimed))

    def unvouch(self, house: HouseId) -> None:
        """Let a landlord's word for the clock lapse, as when a house is another's."""
        self.vouched.pop(house, None)

    def _vouched(self, door: Door) -> bool:
        return self.vouches(door.house)

    def vouches(self, house: HouseId) -> bool:
        """Say whether a landlord's word for the clock holds for a house.

        Nobody's word goes below what is known to have passed.
        """
        since, told = self.vouched.get(house), self.clock.claimed
        if since is None or told < self.clock.sure_until:
            return False
        return since <= told < since + VOUCHED

    def living(self, door: Door) -> list[EKey]:
        """Return the keys of those who live behind the door of a room now.

        Behind an entrance that all share lives nobody in particular.
        """
        if door.room is None:
            return []
        keys = list(self.keys.at_door(door.id))
        return lives_there(keys, door.id, self.clock.now())

    async def refuse(
        self, door: Door, refusal: Refusal, key: EKey | None = None
    ) -> Verdict:
        """Book that a door stays shut to what was shown."""
        verdict = Verdict(self.asked(door), key, refusal)
        await self._keep(self.journal.record(verdict), door.id)
        return verdict

    async def unlock(self, door: Door, request: Unlock) -> Verdict:
        """Judge, move the bolt if granted, and return once the verdict is on disk.

        A lock that could not be told is an incident, and its state shows it; a verdict
        that could not be kept is an incident too, and shuts nobody out. A key that is
        used up is spent on disk before the bolt moves.
        """
        return await self._act(door, self._judged(door, request))

    async def _act(self, door: Door, verdict: Verdict) -> Verdict:
        if verdict.uses_up and verdict.key is not None:
            verdict = await self._spend(verdict, verdict.key)
        told = self._release(door) if verdict else None  # sent before all else
        kept = self.journal.record(verdict)
        if told is not None:
            await told
        await self._keep(kept, door.id)
        return verdict

    def _judged(self, door: Door, request: Unlock) -> Verdict:
        if request.right in {Right.SHOWN, Right.HELD}:
            return judge(request, self.keys.known(request.proven))
        return judge_remote(request, self.living(door))

    async def _spend(self, verdict: Verdict, key: EKey) -> Verdict:
        if key.id in self._spending:
            return replace(verdict, refusal=Refusal.USED_UP)
        self._spending.add(key.id)
        try:
            async with self.book.page() as page:
                self.keys.change(page, replace(key, state=KeyState.USED_UP), after=key)
            await self.keys.refresh()
        except LedgerError:
            return replace(verdict, refusal=Refusal.NOT_KEPT)
        finally:
            self._spending.discard(key.id)
        return verdict

    def _release(self, door: Door) -> Awaitable[None] | None:
        try:
            return self._told(self.locks.release(door.lock), door)
        except DevicesError:
            self.incidents.report(Incident.LOCK_SILENT, door.id)
            return None

    async def _told(self, told: Awaitable[None], door: Door) -> None:
        try:
            await told
        except DevicesError:
            self.incidents.report(Incident.LOCK_SILENT, door.id)

    async def witness(self, opening: Opening, door: Door) -> None:
        """Book what a lock opened by its own judgement; never command it."""
        slot = opening.slot
        standing = None if slot is None else self.keys.standing(opening.lock, slot)
        key = standing[1] if standing else None
        if slot is not None:
            request = Unlock(door.id, b"", opening.at, Trust.SURE)
            if not judge(request, key):
                self.incidents.report(Incident.STRANGE_OPENING, door.id)
        await self._keep(self.journal.witness(opening, key, door.id), door.id)
        if key is not None and key.kind is KeyKind.ONE_TIME:
            await self._spend(Verdict(Unlock(door.id, b"", opening.at), key), key)

    def wrong_at_lock(self, door: Door) -> None:
        """Count a code that the lock itself refused; it slows Lodge's keypad too."""
        if self.attempts.shut(_keypad(door)):
            return
        self.attempts.wrong(_keypad(door), KEYPAD)
        if self.attempts.shut(_keypad(door)):
            self.incidents.report(Incident.WRONG_CODE_LIMIT, door.id)

    def _count(self, door: Door, verdict: Verdict) -> None:
        """Count a wrong code; no good one forgives it, whoever's it is."""
        if verdict.refusal is Refusal.UNKNOWN_KEY:
            self.wrong_at_lock(door)

    async def _keep(self, kept: Awaitable[None], about: DoorId) -> None:
        try:
            await kept
        except LedgerError:
            self.incidents.report(Incident.RECORD_FAILED, about)


def _keypad(door: Door) -> str:
    """Name what wrong codes at a door's keypad are counted by: the keypad alone."""
    return f"keypad/{door.id}"
