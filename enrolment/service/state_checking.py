"""A person's name and number, checked by the state's own identity channel."""

from dataclasses import dataclass, replace

from enrolment.model.consents import ConsentKind
from enrolment.model.documents import Evidence, StateAnswer
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    StateSilent,
    TriesSpent,
    WaitLonger,
)
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.model.rights import Basis, Disclosure
from enrolment.ports import Consents, Leases, People, RightsBook, StateIdentity
from enrolment.rules.liveness import wait_after
from ledger.book import Book
from ledger.clock import Clock

ASKED_FIELDS = "name, kind and number of document"


@dataclass(frozen=True, slots=True)
class StateChecking:
    """Asks the state's channel with the person's own code; no picture is looked at."""

    book: Book
    leases: Leases
    consents: Consents
    people: People
    rights: RightsBook
    channel: StateIdentity | None
    clock: Clock

    @property
    def there(self) -> bool:
        """Whether this box has such a channel."""
        return self.channel is not None

    async def check(self, lease: Lease, code: str) -> tuple[Lease, StateAnswer]:
        """Ask whether a claim is whose code it is; that it was asked is kept first.

        A match lets him send his registration himself. Anything else takes nothing
        from him: he asks again, or a person looks. Raises StateSilent where no answer
        comes, WaitLonger or TriesSpent after failed ones.
        """
        channel = await self._may(lease)
        person = await self.leases.claimed(lease)
        now, basis = self.clock.now(), Basis.STATE_IDENTITY
        salt = await self.people.salt(lease.tenant)
        told = Disclosure(lease.tenant, now, channel.name, ASKED_FIELDS, basis)
        async with self.book.page() as page:
            self.rights.disclose(page, told)
            page.note("disclosure", f"{lease.id} {basis.value}".encode(), salt)
        answer = await channel.check(person, code.strip())
        if answer is StateAnswer.NO_ANSWER:
            raise StateSilent("ask again, or let a person look at your document")
        checked = lease
        if answer is StateAnswer.MATCH:
            checked = replace(lease, evidence=Evidence.STATE_VERIFIED)
        async with self.book.page() as page:
            if answer is not StateAnswer.MATCH:
                self.consents.fail(page, lease.tenant, self.clock.now())
            self.leases.change(page, checked, after=lease)
            page.note(f"state/{answer.value}", lease.id.encode(), salt)
        return checked, answer

    async def _may(self, lease: Lease) -> StateIdentity:
        if lease.stage is not Stage.IDENTIFIED or self.channel is None:
            raise OutOfTurn("this step is done already, or needs another one first")
        agreed = await self.consents.given(lease.tenant, ConsentKind.STATE_IDENTITY)
        if lease.path is not FacePath.STATE or agreed is None:
            raise ConsentMissing("the state's channel is asked with your consent only")
        failed, last = await self.consents.tries(lease.tenant)
        wait = wait_after(failed)
        if wait is None:
            raise TriesSpent("let a person look at your document")
        now = self.clock.now()
        if last is not None and now < last + wait:
            raise WaitLonger(int((last + wait - now).total_seconds()) + 1)
        return self.channel
