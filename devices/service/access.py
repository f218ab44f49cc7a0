"""The one way a door is opened."""

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import datetime

from devices.model import (
    DevicesError,
    Door,
    DoorId,
    Incident,
    Opening,
    Refusal,
    Unlock,
    Verdict,
)
from devices.ports import Incidents, Journal, KeyRing
from devices.rules import TRIES, TRIES_WINDOW, judge
from devices.service.locks import Locks
from ledger.clock import Clock, Trust
from ledger.errors import LedgerError


@dataclass(slots=True)
class Access:
    """The one way a door is opened, whoever asks."""

    keys: KeyRing
    journal: Journal
    locks: Locks
    incidents: Incidents
    clock: Clock
    wrong: dict[DoorId, deque[datetime]] = field(default_factory=dict)

    async def present(self, door: Door, pin: str) -> Verdict:
        """Judge a code typed at the door's keypad, and open for it if it is good."""
        digest = self.keys.digest(door.lock, pin)
        now = self.clock.now()
        return await self.unlock(door, Unlock(door.id, digest, now, self.clock.trust))

    async def unlock(self, door: Door, request: Unlock) -> Verdict:
        """Judge, move the bolt if granted, and return once the verdict is on disk.

        A lock that could not be told is an incident, and its state shows it; a verdict
        that could not be kept is an incident too, and shuts nobody out.
        """
        verdict = self._slowed(judge(request, self.keys.find(request.digest)))
        told = self._release(door) if verdict else None  # sent before all else
        kept = self.journal.record(verdict)
        if told is not None:
            await told
        await self._keep(kept, door.id)
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
        key = None if slot is None else self.keys.at_slot(opening.lock, slot)
        if slot is not None:
            request = Unlock(door.id, b"", opening.at, Trust.SURE)
            if not judge(request, key):
                self.incidents.report(Incident.STRANGE_OPENING, door.id)
        await self._keep(self.journal.witness(opening, key), door.id)

    def _slowed(self, verdict: Verdict) -> Verdict:
        request = verdict.request
        wrong = self.wrong.setdefault(request.door, deque(maxlen=TRIES))
        while wrong and request.asked_at - wrong[0] > TRIES_WINDOW:
            wrong.popleft()
        if len(wrong) == TRIES:
            return replace(verdict, refusal=Refusal.TOO_MANY_TRIES)
        if verdict.refusal is Refusal.UNKNOWN_KEY:
            wrong.append(request.asked_at)
        return verdict

    async def _keep(self, kept: Awaitable[None], about: DoorId) -> None:
        try:
            await kept
        except LedgerError:
            self.incidents.report(Incident.RECORD_FAILED, about)
