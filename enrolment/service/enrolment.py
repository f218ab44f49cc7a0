"""A tenant's way from the notice to the register."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace

from devices.model.places import Door
from devices.ports import KeyRing
from devices.service.ekeys import EKeys
from enrolment.model.assessment import Feature
from enrolment.model.consents import LOOKS, Consent, ConsentKind
from enrolment.model.documents import Evidence, NumberFinding, Person
from enrolment.model.errors import ConsentMissing, NotTheOriginal, OutOfTurn
from enrolment.model.faces import Comparison, FaceVerdict, Match
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.model.register import Registration, RegistrationKind
from enrolment.ports import Agreed, Consents, FaceEngine, Leases, People, Register, Wake
from enrolment.rules.days import day_here
from enrolment.rules.documents import (
    is_child,
    no_face,
    normal_number,
    read_claim,
    with_sex,
)
from enrolment.rules.faces import assess
from enrolment.rules.leases import moves_in
from enrolment.rules.standing import (
    OUTSIDE,
    awaits_person,
    evidence,
    may_send,
    was_there,
)
from enrolment.service.duties import Duties
from enrolment.service.switch import FaceSwitch
from enrolment.service.tries import need_wait
from ledger.book import Book, Page
from ledger.clock import Clock

LAST_SHOWN = 4
CONSENTS = {
    FacePath.SCAN: ConsentKind.FACE_SCAN,
    FacePath.STATE: ConsentKind.STATE_IDENTITY,
}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Leads one person through; nothing is looked at before the notice was shown."""

    book: Book
    leases: Leases
    consents: Consents
    people: People
    register: Register
    faces: FaceEngine
    switch: FaceSwitch
    ekeys: EKeys
    keys: KeyRing
    duties: Duties
    clock: Clock
    wake: Wake
    agreed: Agreed

    async def read_notice(self, lease: Lease, notice: str) -> Lease:
        """Keep that the notice (by its hash) was shown and taken note of."""
        if lease.stage is not Stage.BOUND:
            return lease
        noticed = replace(lease, stage=Stage.NOTICED)
        async with self.book.page() as page:
            self.consents.notice(page, lease.tenant, notice, self.clock.now())
            self.leases.change(page, noticed, after=lease)
        return noticed

    async def choose(self, lease: Lease, path: FacePath, notice: str) -> Lease:
        """Take the choice of how he is checked; all but a person's look by consent."""
        _at(lease, Stage.NOTICED)
        if path is FacePath.SCAN:
            self.switch.need()
        kind = CONSENTS.get(path)
        chosen = replace(lease, path=path)
        now = self.clock.now()
        async with self.book.page() as page:
            self.consents.withdraw(page, lease.tenant, now)
            salt = await self.people.salt(lease.tenant)
            if kind is not None:
                given = Consent(lease.tenant, kind, notice, now)
                self.consents.give(page, given)
            if path is FacePath.SCAN:
                self.switch.agreed(page, salt)
            self.leases.change(page, chosen, after=lease)
            page.note(f"consent/{path.value}", notice.encode(), salt)
        return chosen

    async def identify(
        self,
        lease: Lease,
        person: Person,
        evidence: Evidence = Evidence.TYPED,
        consent: str = "",
    ) -> tuple[Lease, NumberFinding]:
        """Take name and document number; a number that is wrong changes nothing.

        Of whoever is below sixteen no face is looked at: a person looks at the document
        instead. His guardian declares for him, and below fourteen, where nobody chooses
        for himself, consents under the notice `consent`. `evidence` is where they came
        from.
        """
        _at(lease, Stage.NOTICED, Stage.IDENTIFIED)
        if lease.path is FacePath.UNDECIDED:
            raise OutOfTurn("choose first how your identity is checked")
        today = day_here(self.clock.now())
        if lease.stage is Stage.IDENTIFIED:
            person = with_sex(person, await self.leases.claimed(lease))
        told, found = read_claim(person, today, consents=bool(consent))
        if not found:
            return lease, found
        child = is_child(told, today)
        other = child or (no_face(told, today) and lease.path is FacePath.SCAN)
        identified = replace(
            lease,
            stage=Stage.IDENTIFIED,
            path=FacePath.PERSON if other else lease.path,
            face=None,
            live=False,
            fits=False,
            claim=lease.claim + 1,
            evidence=evidence,
        )
        async with self.book.page() as page:
            await self.leases.claim(page, lease, told)
            self.leases.change(page, identified, after=lease)
            self.consents.drop(page, lease.tenant)
            if other:
                self.consents.withdraw(page, lease.tenant, self.clock.now())
            if child:
                await self.guard(page, lease, consent)
            to_look = identified.path is FacePath.PERSON
            await self.duties.ask(page, lease, told.kind, to_look=to_look)
        return identified, found

    async def guard(self, page: Page, lease: Lease, consent: str) -> None:
        """Keep that a child's guardian consents."""
        now, kind = self.clock.now(), ConsentKind.GUARDIAN
        self.consents.give(page, Consent(lease.tenant, kind, consent, now))
        salt = await self.people.salt(lease.tenant)
        page.note(f"consent/{kind.value}", consent.encode(), salt)

    async def scan(
        self, lease: Lease, live: bytes, document: bytes
    ) -> tuple[Lease, Comparison]:
        """Compare the person's picture with his document's; keep no picture.

        Raises ConsentMissing without a consent that still stands, WaitLonger or
        TriesSpent after failed tries, FaceEngineDown where the worker does not answer.
        The verdict waits for a person either way.
        """
        await self.need_scan(lease)
        await need_wait(self.consents, lease.tenant, self.clock.now())
        found = await self.faces.compare(live, document)
        if found.similarity is None:
            return lease, found
        match = Match(found.similarity, found.template)
        return await self.scanned(lease, match, live=False, fits=False), found

    async def need_scan(self, lease: Lease) -> None:
        """Raise what speaks against looking at a tenant's face now."""
        _at(lease, Stage.IDENTIFIED)
        await self.need_consent(lease)

    async def need_consent(self, lease: Lease) -> None:
        """Raise what speaks against looking at his face, or at his document's."""
        _at(lease, Stage.NOTICED, Stage.IDENTIFIED)
        self.switch.need()
        given = await self.consents.given(lease.tenant, ConsentKind.FACE_SCAN)
        if lease.path is not FacePath.SCAN or given is None:
            raise ConsentMissing("a face scan needs your consent")

    async def scanned(
        self, lease: Lease, match: Match, *, live: bool, fits: bool
    ) -> Lease:
        """Take how a person's face matches his document's.

        Who was there (`live`), is the same, and shows a document that says the number
        he claims (`fits`), sends his registration himself; in doubt, or from stills, a
        person decides with the original before him.
        """
        verdict = assess(match.similarity, self.faces.engine)
        kind = (await self.leases.claimed(lease)).kind
        scanned = replace(lease, face=verdict, live=live, fits=fits)
        async with self.book.page() as page:
            self.leases.change(page, scanned, after=lease)
            if verdict is FaceVerdict.DIFFERENT:
                self.consents.fail(page, lease.tenant, self.clock.now())
            else:
                kept = (ConsentKind.FACE_SCAN, match.template)
                await self.consents.keep(page, lease.tenant, *kept)
            to_look = awaits_person(scanned)
            await self.duties.ask(page, lease, kind, to_look=to_look)
            salt = await self.people.salt(lease.tenant)
            page.note(f"face/{verdict.value}", lease.id.encode(), salt)
        return scanned

    async def change_path(self, lease: Lease) -> Lease:
        """Withdraw the consent: a template is gone at once, a person looks instead.

        Whom an officer saw after a scan has been seen all the same, and who is
        registered already stays known as he was.
        """
        other = lease.path is not FacePath.SCAN and lease.stage is Stage.IDENTIFIED
        known = other and (lease.path, lease.evidence) in OUTSIDE
        chosen = replace(
            lease,
            path=FacePath.PERSON,
            face=None,
            live=False,
            fits=False,
            evidence=Evidence.TYPED if known else lease.evidence,
        )
        now = self.clock.now()
        async with self.book.page() as page:
            self.consents.withdraw(page, lease.tenant, now, LOOKS)
            self.consents.drop(page, lease.tenant)
            self.leases.change(page, chosen, after=lease)
            if lease.stage is Stage.IDENTIFIED:
                kind = (await self.leases.claimed(lease)).kind
                await self.duties.ask(page, lease, kind, to_look=True)
            salt = await self.people.salt(lease.tenant)
            page.note("consent/withdrawn", lease.id.encode(), salt)
        await self.agreed()
        return chosen

    async def enrol(
        self, lease: Lease, doors: Collection[Door], last_four: str, by: str
    ) -> Registration:
        """Register the person whom the landlord has before him with his document.

        Raises NotTheOriginal where the number's end is not what stands on the document.
        """
        if not awaits_person(lease):
            raise OutOfTurn("the tenant has steps to do before you confirm")
        person = await self.leases.claimed(lease)
        need_original(person, last_four)
        return await self._register(lease, person, doors, by)

    async def send(
        self, lease: Lease, doors: Collection[Door], second_look: str = ""
    ) -> Registration:
        """Register the person who was checked and has reviewed what will be sent.

        `second_look` is the notice under which he agrees, apart from all else, that his
        template stays for a look at the door after his PIN; without it, it goes now.
        """
        if not may_send(lease):
            raise OutOfTurn("there are steps to do before you send this")
        person = await self.leases.claimed(lease)
        return await self._register(lease, person, doors, "tenant", second_look)

    async def _register(
        self,
        lease: Lease,
        person: Person,
        doors: Collection[Door],
        by: str,
        second_look: str = "",
    ) -> Registration:
        """Keep it all on one page: registration, active key, and the audit link.

        The link commits to who confirmed (`by`). Who has claimed something else
        meanwhile is not registered.
        """
        now, guardian = self.clock.now(), ConsentKind.GUARDIAN
        child = is_child(person, day_here(now))
        if child and await self.consents.given(lease.tenant, guardian) is None:
            raise OutOfTurn("the child's guardian consents first")
        registration = Registration(
            id=lease.registration,
            version=1,
            kind=RegistrationKind.ARRIVAL,
            lease=lease.id,
            tenant=lease.tenant,
            house=lease.house,
            room=lease.room,
            person=person,
            move_in=moves_in(lease, now),
            planned_out=lease.ends,
            recorded_at=now,
            evidence=evidence(lease),
        )
        registered = replace(lease, stage=Stage.REGISTERED)
        async with self.book.page() as page:
            await self.register.append(page, registration)
            await self.ekeys.activate(page, self.keys.key(lease.key), doors)
            self.leases.change(page, registered, after=lease)
            self.duties.done(page, lease)
            salt = await self.people.salt(lease.tenant)
            page.note("registration", f"{registration.id} 1 {by}".encode(), salt)
            looks = was_there(lease) and not self.switch.off(Feature.FACE_AT_DOOR)
            if second_look and looks:
                kind = ConsentKind.FACE_AT_DOOR
                self.consents.give(page, Consent(lease.tenant, kind, second_look, now))
                self.switch.agreed(page, salt)
                page.note(f"consent/{kind.value}", second_look.encode(), salt)
            else:
                self.consents.drop(page, lease.tenant)
        await self.keys.refresh()
        await self.agreed()
        self.wake()
        return registration


def need_original(person: Person, last_four: str) -> None:
    """Raise NotTheOriginal where a document's number ends otherwise than is claimed."""
    read = normal_number(last_four).encode()
    if not secrets.compare_digest(person.number[-LAST_SHOWN:].encode(), read):
        raise NotTheOriginal("the number on the document ends differently")


def _at(lease: Lease, *stages: Stage) -> None:
    if lease.stage not in stages:
        raise OutOfTurn("this step is done already, or needs another one first")
