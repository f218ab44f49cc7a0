"""A resident who wants the look at the door later than at his registration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.service.building import Building
from enrolment.model.assessment import Feature
from enrolment.model.consents import Consent, ConsentKind
from enrolment.model.errors import ConsentMissing, OutOfTurn
from enrolment.model.faces import Seen
from enrolment.model.leases import Lease, Stage
from enrolment.ports import Consents, FaceEngine, Invitations, Leases, People
from enrolment.rules.days import day_here
from enrolment.rules.documents import no_face
from enrolment.service.door_faces import DoorFaces
from ledger.book import Book
from ledger.clock import Clock


@dataclass(frozen=True, slots=True)
class OptingIn:
    """Takes a resident's consent first, then his template, of a scan that he passes.

    Fulfils Aim. It proves no more than that somebody is there who holds his phone: at
    the door it only ever comes on top of his PIN.
    """

    book: Book
    leases: Leases
    invitations: Invitations
    consents: Consents
    people: People
    building: Building
    door_faces: DoorFaces
    faces: FaceEngine
    clock: Clock
    person_looks: ClassVar = False

    async def offered(self, lease: Lease) -> bool:
        """Say whether he may choose it: grown up, and one of his doors has it.

        Not on his landlord's phone, whose face it might be.
        """
        over = self.clock.now() >= lease.ends
        if lease.stage is not Stage.REGISTERED or over:
            return False
        link = await self.invitations.of(lease.id)
        if link is None or (link.bound and not link.code):
            return False
        person = await self.leases.claimed(lease)
        if no_face(person, day_here(self.clock.now())):
            return False
        doors = await self.building.doors_of(lease.house, lease.room)
        return any(self.door_faces.offered(door) for door in doors)

    async def done(self, lease: Lease) -> bool:
        """Say whether he has agreed, and his template is there."""
        given = await self.consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR)
        return given is not None and (
            await self.consents.template(lease.tenant) is not None
        )

    async def waits(self, lease: Lease) -> bool:
        """Say whether he has agreed, and his scan is still to come."""
        given = await self.consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR)
        return given is not None and (
            await self.consents.template(lease.tenant) is None
        )

    async def agree(self, lease: Lease, notice: str) -> None:
        """Keep that he agrees, apart from all else, before anything is looked at."""
        if not await self.offered(lease):
            raise OutOfTurn("no look is offered at your doors")
        kind, now = ConsentKind.FACE_AT_DOOR, self.clock.now()
        if await self.consents.given(lease.tenant, kind) is not None:
            return
        async with self.book.page() as page:
            self.consents.give(page, Consent(lease.tenant, kind, notice, now))
            salt = await self.people.salt(lease.tenant)
            self.door_faces.switch.agreed(page, salt)
            page.note(f"consent/{kind.value}", notice.encode(), salt)

    async def need(self, lease: Lease) -> None:
        """Raise what speaks against looking at his face now."""
        self.door_faces.switch.need(Feature.FACE_AT_DOOR)
        if not await self.offered(lease) or not await self.waits(lease):
            raise ConsentMissing("a look at the door needs your consent")

    async def begins(self, lease: Lease) -> None:
        """Nothing has to be shown before."""

    async def passed(
        self,
        lease: Lease,
        looks: Sequence[Seen],
        *,
        moved: bool,  # noqa: ARG002 - to the one who enrols
    ) -> Lease:
        """Keep the template of whoever was there; he may have withdrawn meanwhile.

        Also of whoever can show but one kind of movement: he signed in as himself.
        """
        match = await self.faces.match(looks[0].template, looks)
        async with self.book.page() as page:
            now = await self.leases.find(lease.id)
            await self.need(now)
            self.leases.change(page, now, after=now)
            kept = (ConsentKind.FACE_AT_DOOR, match.template)
            await self.consents.keep(page, lease.tenant, *kept)
            salt = await self.people.salt(lease.tenant)
            page.note("face/at_door", lease.id.encode(), salt)
        await self.door_faces.refresh()
        return lease
