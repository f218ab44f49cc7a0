"""Documents that tenants show to the camera: face and text, in memory for a while."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import ClassVar

from enrolment.model.documents import (
    DocumentKind,
    DocumentText,
    Evidence,
    Person,
    Said,
    TextLine,
)
from enrolment.model.errors import ConsentMissing, DocumentExpired, OutOfTurn
from enrolment.model.faces import FaceFault, Seen
from enrolment.model.leases import FacePath, Lease, LeaseId, Stage
from enrolment.ports import FaceEngine, TextReader
from enrolment.rules.days import day_here
from enrolment.rules.documents import no_face, normal_number, tells_birth, with_sex
from enrolment.rules.names import latin
from enrolment.rules.reading import expired, fits, read_document
from enrolment.rules.reading import said as said_in
from enrolment.service.enrolment import Enrolment
from ledger.clock import Clock

# A document's numbers wait for the face so long, in memory alone.
DOCUMENT_WAITS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Shown:
    """The face on a document, and the numbers that its text says."""

    template: bytes = field(repr=False)
    said: Said
    until: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """What a document said of its holder, and whether its picture or its chip did."""

    person: Person = field(repr=False)
    evidence: Evidence
    until: datetime


@dataclass(slots=True)
class ShownDocuments:
    """Looks at pictures of documents; no picture outlives its request.

    Fulfils Aim: whoever passes a scan is compared with the document that he showed.
    """

    person_looks: ClassVar = True

    enrolment: Enrolment
    faces: FaceEngine
    reader: TextReader
    clock: Clock
    _shown: dict[LeaseId, Shown] = field(default_factory=dict, repr=False)
    _read_as: dict[LeaseId, Read] = field(default_factory=dict, repr=False)
    _looking: set[LeaseId] = field(default_factory=set, repr=False)

    async def take(self, lease: Lease, picture: bytes) -> FaceFault | None:
        """Take the picture on a document; return why it cannot be used."""
        await self._may(lease)
        async with self._alone(lease):
            return await self._keep(lease, picture, None)

    async def read(self, lease: Lease, picture: bytes) -> DocumentText | None:
        """Read a document's text for its holder to look at; None where it is none.

        Who chose a face scan has shown the picture on it with the same photo; of who
        did not, or is too young to, no face is looked at. Raises DocumentExpired.
        """
        if lease.stage not in {Stage.NOTICED, Stage.IDENTIFIED}:
            raise OutOfTurn("read the notice first")
        async with self._alone(lease):
            return await self._read(lease, picture)

    async def check(self, lease: Lease, picture: bytes) -> None:
        """Raise DocumentExpired where a document says so that comes with a still."""
        await self._may(lease)
        async with self._alone(lease):
            await self._lines(picture)

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
        lines = await self._lines(picture)
        found = read_document(lines, today)
        if found is not None:
            self.said(lease, found.person, Evidence.PICTURE)
        known = found is not None and found.person.birth is not None
        grown = known and found is not None and not no_face(found.person, today)
        if lease.path is FacePath.SCAN and grown:
            await self._may(lease, read=True)
            await self._keep(lease, picture, lines)
        return found

    async def _lines(self, picture: bytes) -> Sequence[TextLine]:
        """Read a picture's text; raise DocumentExpired where it says so."""
        lines = await self.reader.read(picture)
        if expired(lines, day_here(self.clock.now())):
            raise DocumentExpired("this document is valid no longer")
        return lines

    async def _keep(
        self, lease: Lease, picture: bytes, lines: Sequence[TextLine] | None
    ) -> FaceFault | None:
        """Keep a document's face and numbers for a while; read them where not done."""
        found = await self.faces.describe(picture)
        if found.fault is not None:
            return found.fault
        if lines is None:
            lines = await self._lines(picture)
        # Reading takes its time, and he may have withdrawn meanwhile.
        await self._may(await self.enrolment.leases.find(lease.id), read=True)
        now = self.clock.now()
        today, until = day_here(now), now + DOCUMENT_WAITS
        self._shown[lease.id] = Shown(found.template, said_in(lines, today), until)
        return None

    def source(self, lease: Lease, person: Person) -> tuple[Person, Evidence]:
        """Return a claim with where it is from: his document, unless he changed it.

        What a number does not tell has to be as it was read as well; what no form asks
        is from the document.
        """
        read = self._read_as.get(lease.id)
        if read is None or self.clock.now() >= read.until:
            return person, Evidence.TYPED
        same = _document(read.person) == _document(person)
        evidence = read.evidence if same else Evidence.TYPED
        return with_sex(person, read.person), evidence

    def said(self, lease: Lease, person: Person, evidence: Evidence) -> None:
        """Remember for a while what his document's picture, or its chip, said."""
        until = self.clock.now() + DOCUMENT_WAITS
        self._read_as[lease.id] = Read(person, evidence, until)

    def ready(self, lease: Lease) -> bool:
        """Say whether a document's picture waits for its face."""
        shown = self._shown.get(lease.id)
        return shown is not None and self.clock.now() < shown.until

    async def need(self, lease: Lease) -> None:
        """Raise what speaks against looking at his face now."""
        await self._may(lease)

    async def begins(self, lease: Lease) -> None:
        """Raise OutOfTurn where he has shown no document lately."""
        if not self.ready(lease):
            raise OutOfTurn("take the picture of your document first")

    async def passed(
        self, lease: Lease, looks: Sequence[Seen], *, moved: bool
    ) -> Lease:
        """Compare whoever was there with his document, once.

        Where he was asked for one kind of movement alone (not `moved`), which a picture
        may be made to show, a person looks as well.
        """
        await self.begins(lease)
        shown = self._shown.pop(lease.id)
        match = await self.faces.match(shown.template, looks)
        person = await self.enrolment.leases.claimed(lease)
        good = fits(shown.said, person)
        return await self.enrolment.scanned(lease, match, live=moved, fits=good)

    def forget(self, lease: Lease) -> None:
        """Forget what is in memory of a tenant, as when he withdraws."""
        self._shown.pop(lease.id, None)
        self._read_as.pop(lease.id, None)

    def forget_old(self) -> None:
        """Forget what waited too long."""
        now = self.clock.now()
        for lease, shown in list(self._shown.items()):
            if now >= shown.until:
                del self._shown[lease]
        for lease, read in list(self._read_as.items()):
            if now >= read.until:
                del self._read_as[lease]

    async def _may(self, lease: Lease, *, read: bool = False) -> None:
        """Raise what speaks against looking at his face, or at his document's."""
        may = self.enrolment.need_consent if read else self.enrolment.need_scan
        try:
            await may(lease)
        except ConsentMissing:
            self.forget(lease)
            raise


def _document(person: Person) -> tuple[str, str, DocumentKind, str, date | None]:
    number = normal_number(person.number)
    birth = None if tells_birth(replace(person, number=number)) else person.birth
    return person.name, latin(person.latin or person.name), person.kind, number, birth
