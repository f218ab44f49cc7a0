"""A face scan: what is asked of a person, what the frames show, how it ends."""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Protocol

from enrolment.model.errors import ConsentMissing, NothingToAsk, OutOfTurn, TriesSpent
from enrolment.model.faces import (
    Advice,
    Challenge,
    ChallengeKind,
    Flaw,
    ScanState,
    Seen,
)
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.ports import Consents, FaceEngine, Frame, People
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.liveness import (
    AHEAD,
    KINDS_MIN,
    TRY_LASTS,
    advice,
    base,
    best,
    covered,
    done,
    is_still,
    judge,
    offered,
    steps,
)
from enrolment.service.shown_documents import ShownDocuments
from enrolment.service.tries import need_wait
from ledger.book import Book
from ledger.clock import Clock
from ledger.errors import Erased

NONCE_BYTES = 16
# What a phone may send at once, and in a whole try.
FRAMES_AT_ONCE, FRAMES_MAX = 12, 160
# A still is found out before a person waits for the end of his try.
LOOKS_AGAIN = 24
# A try that nobody ended is forgotten after this.
TRY_FORGOTTEN = timedelta(minutes=15)
# A phone counts from its own beginning of the try, a moment after the box's.
CLOCKS_DIFFER = 2.0
# Frames come as they are taken: what is older than this was kept to be chosen from.
COMES_WITHIN = 8.0
OVER = "this try is over; begin again"


@dataclass(slots=True)
class Try:
    """One try: what was asked, what was seen so far; in memory alone.

    `told` once a movement was asked for: whoever begins anew after that has tried.
    """

    lease: Lease
    nonce: str
    asked: tuple[Challenge, ...]
    declined: frozenset[ChallengeKind]
    stage: Stage
    begun: datetime
    seen: list[Seen] = field(default_factory=list, repr=False)
    told: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a person is told after each few frames; `step` counts from 0."""

    state: ScanState
    step: int
    of: int
    challenge: Challenge | None = None
    advice: Advice | None = None
    flaw: Flaw | None = None


class Aim(Protocol):
    """What a scan is for.

    `need` raises what speaks against looking at a face now, `begins` what is missing
    before a try; `passed` takes the best looks at whoever was there. Failed tries end
    in a person's look where there is one (`person_looks`).
    """

    @property
    def person_looks(self) -> bool: ...
    async def need(self, lease: Lease) -> None: ...
    async def begins(self, lease: Lease) -> None: ...
    async def passed(
        self, lease: Lease, looks: Sequence[Seen], *, moved: bool
    ) -> Lease: ...


@dataclass(slots=True)
class Scanning:
    """Leads people through a scan; nothing of a picture outlives its request.

    Whoever enrols is compared with his document (`enrolling`); a resident is scanned
    for the look at the door, if he wants it (`at_door`).
    """

    book: Book
    enrolling: ShownDocuments
    at_door: Aim
    consents: Consents
    people: People
    faces: FaceEngine
    clock: Clock
    _tries: dict[LeaseId, Try] = field(default_factory=dict, repr=False)

    def forget(self, lease: Lease) -> None:
        """Forget what is in memory of a tenant, as when he withdraws."""
        self.enrolling.forget(lease)
        self._tries.pop(lease.id, None)

    async def forget_old(self) -> None:
        """Forget frames whose time is over; a try that was left has failed."""
        now = self.clock.now()
        for trying in self._tries.values():
            if now >= trying.begun + TRY_LASTS:
                trying.seen.clear()
        over = [e for e in self._tries.values() if now >= e.begun + TRY_FORGOTTEN]
        for trying in over:
            del self._tries[trying.lease.id]
        for trying in over:
            if trying.told:
                with suppress(Erased):
                    await self._count(trying.lease, "left")

    async def begin(self, lease: Lease, declined: Collection[ChallengeKind]) -> Try:
        """Begin a try; earlier frames are void.

        One that was left after a movement had been told counts as failed, unless it was
        left to decline one kind more: nobody waits for what he cannot do. Raises
        WaitLonger or TriesSpent after failed ones, and TriesSpent where every kind was
        declined: a person looks instead, or nobody does (NothingToAsk).
        """
        aim = self._aim(lease)
        await self._may(lease)
        await aim.begins(lease)
        left = self._tries.pop(lease.id, None)
        if left is not None and left.told and not set(declined) > left.declined:
            await self._count(lease, "left")
        kinds = offered(declined, eyes=self.faces.eyes)
        if not kinds and aim.person_looks:
            raise TriesSpent("let a person look at your document")
        if not kinds:
            raise NothingToAsk("your PIN opens as before")
        now = self.clock.now()
        await need_wait(self.consents, lease.tenant, now, spent=aim.person_looks)
        begun = Try(
            lease,
            secrets.token_urlsafe(NONCE_BYTES),
            steps(kinds, secrets.randbelow),
            frozenset(declined),
            lease.stage,
            now,
        )
        self._tries[lease.id] = begun
        return begun

    async def take(
        self, lease: Lease, nonce: str, frames: Sequence[Frame]
    ) -> tuple[Lease, Progress]:
        """Take a few frames, each with its seconds since the try began.

        The last of them ends the try: passed, or refused with the reason.
        """
        await self._may(lease)
        trying = self._tries.get(lease.id)
        if trying is None or not secrets.compare_digest(
            trying.nonce.encode(), nonce.encode()
        ):
            raise OutOfTurn(OVER)
        if trying.stage is not lease.stage:  # begun for something else
            del self._tries[lease.id]
            raise OutOfTurn(OVER)
        if not frames or len(frames) > FRAMES_AT_ONCE or trying.turn.locked():
            raise OutOfTurn("a few frames at a time, please")
        async with trying.turn:
            flaw = self._untimely(trying, [at for at, _ in frames])
            if flaw is not None:
                return await self._refuse(lease, trying, flaw)
            before = len(trying.seen) // LOOKS_AGAIN
            trying.seen += await self.faces.measure(frames)
            self._still(lease, trying)
            count = done(trying.asked, trying.seen)
            if count == len(trying.asked):
                return await self._end(lease, trying)
            if len(trying.seen) // LOOKS_AGAIN > before:
                related = await self.faces.relate(trying.seen)
                if is_still(trying.seen, related):
                    return await self._refuse(lease, trying, Flaw.STILL)
            return lease, _progress(trying, count)

    def _aim(self, lease: Lease) -> Aim:
        return self.at_door if lease.stage is Stage.REGISTERED else self.enrolling

    async def _may(self, lease: Lease) -> None:
        """Raise what speaks against looking at his face now."""
        try:
            await self._aim(lease).need(lease)
        except ConsentMissing:
            self.forget(lease)
            raise

    def _still(self, lease: Lease, trying: Try) -> None:
        """Raise OutOfTurn where a try was ended while the worker looked."""
        if self._tries.get(lease.id) is not trying:
            raise OutOfTurn(OVER)

    def _untimely(self, trying: Try, moments: Sequence[float]) -> Flaw | None:
        """Say what is wrong with when frames were taken, by the phone's own clock."""
        last = trying.seen[-1].at if trying.seen else -1.0
        if not all(map(isfinite, moments)) or list(moments) != sorted(set(moments)):
            return Flaw.CUT
        if moments[0] <= last:
            return Flaw.CUT
        lasted = self.clock.now() - trying.begun
        behind = lasted.total_seconds() - moments[-1]
        honest = -CLOCKS_DIFFER <= behind <= COMES_WITHIN
        over = lasted >= TRY_LASTS or len(trying.seen) >= FRAMES_MAX
        return Flaw.TOO_SLOW if over or not honest else None

    async def _end(self, lease: Lease, trying: Try) -> tuple[Lease, Progress]:
        one_face = THRESHOLDS[self.faces.engine].one_face
        flaw = judge(trying.seen, await self.faces.relate(trying.seen), one_face)
        self._still(lease, trying)
        if flaw is not None:
            return await self._refuse(lease, trying, flaw)
        del self._tries[lease.id]
        kinds = offered(trying.declined, eyes=self.faces.eyes)
        looks, moved = best(trying.seen), len(kinds) >= KINDS_MIN
        lease = await self._aim(lease).passed(lease, looks, moved=moved)
        count = len(trying.asked)
        return lease, Progress(ScanState.PASSED, count, count)

    async def _refuse(
        self, lease: Lease, trying: Try, flaw: Flaw
    ) -> tuple[Lease, Progress]:
        self._tries.pop(lease.id, None)
        await self._count(lease, flaw.value)
        count = len(trying.asked)
        return lease, Progress(ScanState.REFUSED, 0, count, flaw=flaw)

    async def _count(self, lease: Lease, why: str) -> None:
        async with self.book.page() as page:
            self.consents.fail(page, lease.tenant, self.clock.now())
            salt = await self.people.salt(lease.tenant)
            page.note(f"scan/{why}", lease.id.encode(), salt)


def _progress(trying: Try, count: int) -> Progress:
    last = trying.seen[-1]
    advised = advice(last)
    of = len(trying.asked)
    if base(trying.seen) is None:
        if advised is None and abs(last.turn) >= AHEAD:
            advised = Advice.LOOK_AHEAD
        if advised is None and covered(last):
            advised = Advice.UNCOVER
        return Progress(ScanState.UNDER_WAY, count, of, None, advised)
    trying.told = True
    return Progress(ScanState.UNDER_WAY, count, of, trying.asked[count], advised)
