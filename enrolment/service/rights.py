"""A person's own data: what is known, who was told, what he asks and is answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devices.model.tasks import Task, TaskId, TaskKind
from devices.ports import Houses, Tasks
from enrolment.model.consents import Consent
from enrolment.model.documents import Person
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import Lease, Stage
from enrolment.model.rights import (
    Basis,
    Disclosure,
    RequestId,
    RequestKind,
    RightsRequest,
)
from enrolment.ports import Consents, Leases, People, RightsBook
from ledger.book import Book
from ledger.clock import Clock
from ledger.ids import new_id

# Fifteen working days are allowed (rule D5); fifteen days are always within them.
ANSWERED_WITHIN = timedelta(days=15)
REGISTER_FIELDS = "name, kind and number of document"
KNOWN = frozenset({Stage.IDENTIFIED, Stage.REGISTERED, Stage.LEFT})


@dataclass(frozen=True, slots=True)
class MyData:
    """Everything that is known of a person on this box, but for his own openings."""

    person: Person | None
    notices: Sequence[tuple[str, datetime]]
    consents: Sequence[Consent]
    template: bool
    disclosures: Sequence[Disclosure]
    requests: Sequence[RightsRequest]


@dataclass(frozen=True, slots=True)
class Rights:
    """Answers people about their data; whoever is told of them is written down."""

    book: Book
    leases: Leases
    consents: Consents
    people: People
    rights: RightsBook
    houses: Houses
    tasks: Tasks
    clock: Clock

    async def data(self, lease: Lease) -> MyData:
        """Return everything that is known of a tenant."""
        known = lease.stage in KNOWN
        return MyData(
            await self.leases.claimed(lease) if known else None,
            await self.consents.notices(lease.tenant),
            await self.consents.all(lease.tenant),
            await self.consents.template(lease.tenant) is not None,
            await self.rights.disclosures(lease.tenant),
            await self.rights.requests(lease.tenant),
        )

    async def reveal(self, lease: Lease, to: str, purpose: str) -> Person:
        """Show a landlord the entry of his own register that the law has him keep.

        It is on disk that he saw it, and why, before he sees it; the tenant sees that.
        """
        if lease.stage not in {Stage.REGISTERED, Stage.LEFT}:
            raise OutOfTurn("nobody is registered here")
        person = await self.leases.claimed(lease)
        shown = Disclosure(
            lease.tenant,
            self.clock.now(),
            to,
            REGISTER_FIELDS,
            Basis.LANDLORD_REGISTER,
            purpose,
        )
        async with self.book.page() as page:
            self.rights.disclose(page, shown)
            salt = await self.people.salt(lease.tenant)
            page.note("disclosure", f"{lease.id} {shown.basis.value}".encode(), salt)
        return person

    async def ask(self, lease: Lease, kind: RequestKind, text: str) -> RightsRequest:
        """Take a request; its receipt is its number, and its answer has a term."""
        now = self.clock.now()
        house = await self.houses.house(lease.house)
        request = RightsRequest(
            RequestId(new_id()),
            lease.tenant,
            lease.id,
            kind,
            now,
            now + ANSWERED_WITHIN,
            text,
        )
        task = Task(
            TaskId(new_id()),
            TaskKind.ANSWER_REQUEST,
            house.landlord.account,
            request.id,
            now,
            ANSWERED_WITHIN,
        )
        async with self.book.page() as page:
            await self.rights.put(page, request)
            self.tasks.open(page, task)
            salt = await self.people.salt(lease.tenant)
            page.note(f"request/{kind.value}", request.id.encode(), salt)
        return request

    async def answer(
        self, request: RightsRequest, text: str, *, granted: bool
    ) -> RightsRequest:
        """Answer a request; a refusal has its reason, which is the text."""
        if request.answered_at is not None:
            raise OutOfTurn("this was answered already")
        now = self.clock.now()
        answered = replace(request, granted=granted, answer=text, answered_at=now)
        async with self.book.page() as page:
            await self.rights.put(page, answered)
            self.tasks.close(page, request.id, now)
            word = "granted" if granted else "refused"
            salt = await self.people.salt(request.tenant)
            page.note(f"answer/{word}", request.id.encode(), salt)
        return answered
