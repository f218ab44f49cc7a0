"""A face scan: what is asked of a person, what the frames show, how it ends."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

from enrolment.model.documents import DocumentText, Said, TextLine
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    TriesSpent,
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
from enrolment.model.leases import FacePath, Lease, LeaseId, Stage
from enrolment.ports import Consents, FaceEngine, Frame, TextReader
from enrolment.rules.days import day_here
from enrolment.rules.documents import is_child
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.liveness import (
    AHEAD,
    TRY_LASTS,
    advice,
    base,
    best,
    done,
    is_still,
    judge,
    offered,
    steps,
)
from enrolment.rules.reading import fits, read_document, said
from enrolment.service.enrolment import Enrolment
from enrolment.service.tries import need_wait
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
# Frames come as they are taken: what is older than this was kept to be chosen from.
COMES_WITHIN = 8.0
OVER = "this try is over; begin again"


@dataclass(slots=True)
class Try:
    """One try: what was asked, what was seen so far; in memory alone.

    `told` once a movement was asked for: whoever begins anew after that has tried.
    """

    nonce: str
    asked: tuple[Challenge, ...]
    declined: frozenset[ChallengeKind]
    begun: datetime
    seen: list[Seen] = field(default_factory=list, repr=False)
    told: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """The face on a document, and the numbers that its text says."""

    template: bytes = field(repr=False)
    said: Said
    until: datetime


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
    reader: TextReader
    clock: Clock
    _documents: dict[LeaseId, Shown] = field(default_factory=dict, repr=False)
    _tries: dict[LeaseId, Try] = field(default_factory=dict, repr=False)
    _looking: set[LeaseId] = field(default_factory=set, repr=False)

    async def document(self, lease: Lease, picture: bytes) -> FaceFault | None:
        """Take the picture on a document; return why it cannot be used."""
        await self._may(lease)
        async with self._alone(lease):
            return await self._keep(lease, picture, None)

    async def read(self, lease: Lease, picture: bytes) -> DocumentText | None:
        """Read a document's text for its holder to look at; None where it is none.

        Who chose a face scan has shown the picture on it with the same photo; of who
        did not, or is too young to, no face is looked at.
        """
        if lease.stage not in {Stage.NOTICED, Stage.IDENTIFIED}:
            raise OutOfTurn("read the notice first")
        async with self._alone(lease):
            return await self._read(lease, picture)

    @asynccontextmanager
    async def _alone(self, lease: Lease) -> AsyncIterator[None]:
        """Look at one picture of a tenant at a time; nobody fills the line for others.

        Raises OutOfTurn while another one is looked at.
        """
        if lease.id in self._looking:
            raise OutOfTurn("one picture at a time, please")
        self._looking.add(lease.id)
        try:
            yield
        finally:
            self._looking.discard(lease.id)

    async def _read(self, lease: Lease, picture: bytes) -> DocumentText | None:
        today = day_here(self.clock.now())
        lines = await self.reader.read(picture)
        found = read_document(lines, today)
        known = found is not None and found.person.birth is not None
        grown = known and found is not None and not is_child(found.person, today)
        if lease.path is FacePath.SCAN and grown:
            await self._may(lease, read=True)
            await self._keep(lease, picture, lines)
        return found

    async def _keep(
        self, lease: Lease, picture: bytes, lines: Sequence[TextLine] | None
    ) -> FaceFault | None:
        """Keep a document's face and numbers for a while; read them where not done."""
        found = await self.faces.describe(picture)
        if found.fault is not None:
            return found.fault
        if lines is None:
            lines = await self.reader.read(picture)
        # Reading takes its time, and he may have withdrawn meanwhile.
        await self._may(await self.enrolment.leases.find(lease.id), read=True)
        now = self.clock.now()
        today, until = day_here(now), now + DOCUMENT_WAITS
        self._documents[lease.id] = Shown(found.template, said(lines, today), until)
        return None

    def ready(self, lease: Lease) -> bool:
        """Say whether a document's picture waits for its face."""
        shown = self._documents.get(lease.id)
        return shown is not None and self.clock.now() < shown.until

    def forget(self, lease: Lease) -> None:
        """Forget what is in memory of a tenant, as when he withdraws."""
        self._documents.pop(lease.id, None)
        self._tries.pop(lease.id, None)

    def forget_old(self) -> None:
        """Forget documents and frames whose time is over."""
        now = self.clock.now()
        for lease, shown in list(self._documents.items()):
            if now >= shown.until:
                del self._documents[lease]
        for lease, trying in list(self._tries.items()):
            if now >= trying.begun + TRY_LASTS:
                trying.seen.clear()
            if now >= trying.begun + DOCUMENT_WAITS:
                del self._tries[lease]

    async def begin(self, lease: Lease, declined: Collection[ChallengeKind]) -> Try:
        """Begin a try; earlier frames are void.

        One that was left after a movement had been told counts as failed, unless it was
        left for another kind. Raises WaitLonger or TriesSpent after failed ones, and
        TriesSpent where every kind was declined: a person looks instead.
        """
        await self._may(lease)
        if not self.ready(lease):
            raise OutOfTurn("take the picture of your document first")
        left = self._tries.pop(lease.id, None)
        if left is not None and left.told and not set(declined) > left.declined:
            await self._count(lease, "left")
        kinds = offered(declined, eyes=self.faces.eyes)
        if not kinds:
            raise TriesSpent("let a person look at your document")
        now = self.clock.now()
        await need_wait(self.consents, lease.tenant, now)
        begun = Try(
            secrets.token_urlsafe(NONCE_BYTES),
            steps(kinds, secrets.randbelow),
            frozenset(declined),
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
        if not self.ready(lease):
            raise OutOfTurn("take the picture of your document again")
        shown = self._documents.pop(lease.id)
        match = await self.faces.match(shown.template, best(trying.seen))
        person = await self.enrolment.leases.claimed(lease)
        good = fits(shown.said, person)
        lease = await self.enrolment.scanned(lease, match, live=True, fits=good)
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
            salt = await self.enrolment.people.salt(lease.tenant)
            page.note(f"scan/{why}", lease.id.encode(), salt)

    async def _may(self, lease: Lease, *, read: bool = False) -> None:
        """Raise what speaks against looking at his face, or at his document's."""
        may = self.enrolment.need_consent if read else self.enrolment.need_scan
        try:
            await may(lease)
        except ConsentMissing:
            self.forget(lease)
            raise


def _progress(trying: Try, count: int) -> Progress:
    last = trying.seen[-1]
    advised = advice(last)
    of = len(trying.asked)
    if base(trying.seen) is None:
        if advised is None and abs(last.turn) >= AHEAD:
            advised = Advice.LOOK_AHEAD
        return Progress(ScanState.UNDER_WAY, count, of, None, advised)
    trying.told = True
    return Progress(ScanState.UNDER_WAY, count, of, trying.asked[count], advised)
