"""What is registered wrongly is put right: he says how, the original proves it."""

from dataclasses import dataclass, replace

from enrolment.model.consents import LOOKS, ConsentKind
from enrolment.model.documents import Evidence, NumberFinding, Person, Sex
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import NAMED, Lease
from enrolment.model.register import Registration, RegistrationKind
from enrolment.model.rights import RightsRequest
from enrolment.rules.days import day_here
from enrolment.rules.documents import is_child, no_face, read_claim
from enrolment.service.enrolment import Enrolment, need_original
from enrolment.service.rights import Rights


@dataclass(frozen=True, slots=True)
class Correcting:
    """Has a tenant say as whom he is to be registered, and reports it once granted."""

    enrolment: Enrolment
    rights: Rights

    async def propose(
        self, lease: Lease, person: Person, consent: str
    ) -> NumberFinding:
        """Ask that he is registered as this person; a wrong number asks nothing.

        `consent` is the notice under which a child's guardian consents. What waits for
        an answer already is not asked again.
        """
        async with self.rights.turn:
            return await self._propose(lease, person, consent)

    async def _propose(
        self, lease: Lease, person: Person, consent: str
    ) -> NumberFinding:
        enrolment = self.enrolment
        now = await self._registered(lease)
        given = await enrolment.consents.given(lease.tenant, ConsentKind.GUARDIAN)
        consents = bool(consent) or given is not None
        today = day_here(enrolment.clock.now())
        if person.kind is now.kind and person.sex is Sex.UNKNOWN:
            person = replace(person, sex=now.sex)  # no form asks it
        told, found = read_claim(person, today, consents=consents)
        if not found:
            return found
        if told == now:
            raise OutOfTurn("this is what is registered already")
        if any(each.proposed == told for each in await self.rights.waiting(lease)):
            return found
        async with enrolment.book.page() as page:
            await self.rights.propose(page, lease, now, told)
            if is_child(told, today) and given is None:
                await enrolment.guard(page, lease, consent)
        return found

    async def grant(
        self, request: RightsRequest, last_four: str, by: str
    ) -> Registration:
        """Report what was asked for: one page holds it, its answer and the claim.

        Also of somebody who has left, and stays so. `last_four` is what the landlord,
        `by` name, reads on the original. Raises NotTheOriginal, or OutOfTurn where
        nothing can be put right.
        """
        enrolment, person = self.enrolment, request.proposed
        lease = await enrolment.leases.find(request.lease)
        if person is None:
            raise OutOfTurn("this asks for no correction")
        await self._registered(lease)
        need_original(person, last_four)
        today, guardian = day_here(enrolment.clock.now()), ConsentKind.GUARDIAN
        child = is_child(person, today)
        if child and await enrolment.consents.given(lease.tenant, guardian) is None:
            raise OutOfTurn("the child's guardian consents first")
        before = await enrolment.register.latest(lease.registration)
        corrected = replace(
            before,
            version=before.version + 1,
            kind=RegistrationKind.CORRECTION,
            person=person,
            recorded_at=enrolment.clock.now(),
            evidence=Evidence.SEEN_BY_PERSON,
        )
        claimed = replace(lease, claim=lease.claim + 1, evidence=Evidence.TYPED)
        async with enrolment.book.page() as page:
            await enrolment.register.append(page, corrected)
            await enrolment.leases.claim(page, lease, person)
            if no_face(person, today):
                at = corrected.recorded_at
                enrolment.consents.withdraw(page, lease.tenant, at, LOOKS)
                enrolment.consents.drop(page, lease.tenant)
            enrolment.leases.change(page, claimed, after=lease)
            await self.rights.answered(page, request, "", granted=True)
            salt = await enrolment.people.salt(lease.tenant)
            told = f"{corrected.id} {corrected.version} {by}".encode()
            page.note("correction", told, salt)
        await enrolment.agreed()
        enrolment.wake()
        return corrected

    async def _registered(self, lease: Lease) -> Person:
        versions = await self.enrolment.register.versions(lease.tenant)
        if lease.stage not in NAMED or not versions:
            raise OutOfTurn("nobody is registered here")
        return await self.enrolment.leases.claimed(lease)
