"""A face scan: what is asked of a person, what the frames show, how it ends."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from enrolment.model.consents import ConsentKind
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    TriesSpent,
    WaitLonger,
)
from enrolment.model.faces import (
    Advice,
    Challenge,
    ChallengeKind,
    FaceFault,
    Flaw,
    ScanState,
    Seen,
)
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.ports import Consents, FaceEngine, Frame
from enrolment.rules.liveness import (
    AHEAD,
    TRY_LASTS,
    advice,
    base,
    best,
    done,
    is_still,
    judge,
    steps,
    wait_after,
)
from enrolment.service.enrolment import Enrolment
from ledger.book import Book
from ledger.clock import Clock

NONCE_BYTES = 16
# What a phone may send at once, and in a whole try.
FRAMES_AT_ONCE, FRAMES_MAX = 12, 160
# A still is found out before a person waits for the end of his try.
LOOKS_AGAIN = 24
# A document's numbers wait for the face so long, in memory alone.
DOCUMENT_WAITS = timedelta(minutes=15)
# A phone counts from its own beginning of the try, a moment after the box's.
CLOCKS_DIFFER = 2.0


@dataclass(slots=True)
class Try:
    """One try: what was asked, what was seen so far; in memory alone."""

    nonce: str
    asked: tuple[Challenge, ...]
    begun: datetime
    seen: list[Seen] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a person is told after each few frames; `step` counts from 0."""

    state: ScanState
    step: int
    of: int
    challenge: Challenge | None = None
    advice: Advice | None = None
    flaw: Flaw | None = None


@dataclass(slots=True)
class Scanning:
    """Leads people through a scan; nothing of a picture outlives its request."""

    book: Book
    enrolment: Enrolment
    consents: Consents
    faces: FaceEngine
    clock: Clock
    _documents: dict[LeaseId, tuple[bytes, datetime]] = field(
        default_factory=dict, repr=False
    )
    _tries: dict[LeaseId, Try] = field(default_factory=dict, repr=False)

    async def document(self, lease: Lease, picture: bytes) -> FaceFault | None:
        """Take the picture on a document; return why it cannot be used."""
        await self._may(lease)
        found = await self.faces.describe(picture)
        if found.fault is None:
            until = self.clock.now() + DOCUMENT_WAITS
            self._documents[lease.id] = found.template, until
        return found.fault

    def ready(self, lease: Lease) -> bool:
        """Say whether a document's picture waits for its face."""
        self._forget()
        return lease.id in self._documents

    async def begin(self, lease: Lease, declined: Collection[ChallengeKind]) -> Try:
        """Begin a try; earlier frames are void.

        Raises WaitLonger or TriesSpent after failed ones, and TriesSpent where every
        kind of challenge was declined: a person looks instead.
        """
        await self._may(lease)
        if not self.ready(lease):
            raise OutOfTurn("take the picture of your document first")
        kinds = [kind for kind in ChallengeKind if kind not in declined]
        failed, last = await self.consents.tries(lease.tenant)
        wait = wait_after(failed) if kinds else None
        if wait is None:
            raise TriesSpent("let a person look at your document")
        now = self.clock.now()
        if last is not None and now < last + wait:
            raise WaitLonger(int((last + wait - now).total_seconds()) + 1)
        begun = Try(
            secrets.token_urlsafe(NONCE_BYTES), steps(kinds, secrets.randbelow), now
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
        self._forget()
        trying = self._tries.get(lease.id)
        if trying is None or not secrets.compare_digest(trying.nonce, nonce):
            raise OutOfTurn("this try is over; begin again")
        if not frames or len(frames) > FRAMES_AT_ONCE:
            raise OutOfTurn("a few frames at a time, please")
        if (flaw := self._untimely(trying, [at for at, _ in frames])) is not None:
            return await self._refuse(lease, trying, flaw)
        before = len(trying.seen) // LOOKS_AGAIN
        trying.seen += await self.faces.measure(frames)
        if self._tries.get(lease.id) is not trying:
            raise OutOfTurn("this try is over; begin again")
        count = done(trying.asked, trying.seen)
        if count == len(trying.asked):
            return await self._end(lease, trying)
        if len(trying.seen) // LOOKS_AGAIN > before:
            related = await self.faces.relate(trying.seen)
            if is_still(trying.seen, related):
                return await self._refuse(lease, trying, Flaw.STILL)
        return lease, _progress(trying, count)

    def _untimely(self, trying: Try, moments: Sequence[float]) -> Flaw | None:
        """Say what is wrong with when frames were taken, by the phone's own clock."""
        last = trying.seen[-1].at if trying.seen else -1.0
        if list(moments) != sorted(set(moments)) or moments[0] <= last:
            return Flaw.CUT
        elapsed = (self.clock.now() - trying.begun).total_seconds()
        honest = moments[-1] <= elapsed + CLOCKS_DIFFER
        return Flaw.TOO_SLOW if not honest or len(trying.seen) >= FRAMES_MAX else None

    async def _end(self, lease: Lease, trying: Try) -> tuple[Lease, Progress]:
        flaw = judge(trying.seen, await self.faces.relate(trying.seen))
        if flaw is not None:
            return await self._refuse(lease, trying, flaw)
        document, _ = self._documents.pop(lease.id)
        del self._tries[lease.id]
        match = await self.faces.match(document, best(trying.seen))
        lease = await self.enrolment.scanned(lease, match, live=True)
        count = len(trying.asked)
        return lease, Progress(ScanState.PASSED, count, count)

    async def _refuse(
        self, lease: Lease, trying: Try, flaw: Flaw
    ) -> tuple[Lease, Progress]:
        self._tries.pop(lease.id, None)
        async with self.book.page() as page:
            self.consents.fail(page, lease.tenant, self.clock.now())
            salt = await self.enrolment.people.salt(lease.tenant)
            page.note(f"scan/{flaw.value}", lease.id.encode(), salt)
        count = len(trying.asked)
        return lease, Progress(ScanState.REFUSED, 0, count, flaw=flaw)

    async def _may(self, lease: Lease) -> None:
        if lease.stage is not Stage.IDENTIFIED:
            raise OutOfTurn("this step is done already, or needs another one first")
        self.enrolment.switch.need()
        if await self.consents.given(lease.tenant, ConsentKind.FACE_SCAN) is None:
            self._documents.pop(lease.id, None)
            self._tries.pop(lease.id, None)
            raise ConsentMissing("a face scan needs your consent")

    def _forget(self) -> None:
        now = self.clock.now()
        for lease, (_, until) in list(self._documents.items()):
            if now >= until:
                del self._documents[lease]
        for lease, trying in list(self._tries.items()):
            if now >= trying.begun + TRY_LASTS:
                del self._tries[lease]


def _progress(trying: Try, count: int) -> Progress:
    last = trying.seen[-1]
    told = advice(last)
    of = len(trying.asked)
    if base(trying.seen) is None:
        if told is None and abs(last.turn) >= AHEAD:
            told = Advice.LOOK_AHEAD
        return Progress(ScanState.UNDER_WAY, count, of, None, told)
    return Progress(ScanState.UNDER_WAY, count, of, trying.asked[count], told)
