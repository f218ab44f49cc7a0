"""A person's own data: what is known, who was told, what he asks and is answered."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.places import HouseId
from devices.model.tasks import Task, TaskId, TaskKind
from devices.ports import Houses, Tasks
from enrolment.model.consents import Consent
from enrolment.model.documents import Person
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.model.register import Registration
from enrolment.model.rights import (
    IDENTITY,
    Basis,
    Disclosure,
    Farewell,
    RequestId,
    RequestKind,
    RightsRequest,
)
from enrolment.ports import Consents, Leases, People, Register, RightsBook
from enrolment.rules.fields import as_of, changed
from enrolment.rules.leases import deletion
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import Erased
from ledger.ids import new_id

# Fifteen working days are allowed (rule D5); fifteen days are always within them.
ANSWERED_WITHIN = timedelta(days=15)
OPEN_MAX = 5
# Whoever has moved out may come back as long (Network Data Regulation, 12).
ASKED_FOR = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class MyData:
    """Everything that is known of a person on this box, but for his own openings.

    `label` is what his landlord calls the lease, `since` when he was registered, and
    `versions` as of which version each field is registered as it is.
    """

    person: Person | None
    notices: Sequence[tuple[str, datetime]]
    consents: Sequence[Consent]
    template: bool
    disclosures: Sequence[Disclosure]
    requests: Sequence[RightsRequest]
    label: str = ""
    since: datetime | None = None
    versions: Mapping[str, Registration] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rights:
    """Answers people about their data; whoever is told of them is written down."""

    book: Book
    leases: Leases
    consents: Consents
    people: People
    register: Register
    rights: RightsBook
    houses: Houses
    tasks: Tasks
    clock: Clock
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def data(self, lease: Lease) -> MyData:
        """Return everything that is known of a tenant."""
        return MyData(
            await self._claimed(lease),
            await self.consents.notices(lease.tenant),
            await self.consents.all(lease.tenant),
            await self.consents.template(lease.tenant) is not None,
            await self.rights.disclosures(lease.tenant),
            await self.rights.requests(lease.id),
            await self._label(lease),
            *await self._since(lease),
        )

    async def registered(self, house: HouseId) -> Sequence[Lease]:
        """Return whom the landlord's register of a house holds, until erased.

        Not whom was granted, once he left, that his data go (PIPL 47).
        """
        held = await self.register.tenants(house)
        leases = await self.leases.of(house)
        return [
            lease
            for lease in leases
            if lease.tenant in held and lease.stage is not Stage.ERASED
            if not await self._to_go(lease)
        ]

    async def _to_go(self, lease: Lease) -> bool:
        """Say whether a person's data only wait to be erased, and serve nobody else."""
        left = lease.stage is Stage.LEFT
        return left and deletion(await self.rights.requests(lease.id))

    async def concerns(self, house: HouseId) -> Sequence[str]:
        """Return what tasks about a house's tenants are about."""
        leases = await self.leases.of(house)
        asked = [
            each.id for lease in leases for each in await self.rights.requests(lease.id)
        ]
        held = [each for lease in leases for each in (lease.id, lease.registration)]
        return [*held, *asked]

    async def reveal(
        self, house: HouseId, to: str, purpose: str
    ) -> Mapping[LeaseId, Person]:
        """Show a landlord the entries of the register that the law has him keep.

        It is on disk that he saw them, and why, before he sees them; each tenant sees
        that of his own.
        """
        leases = await self.registered(house)
        shown = {lease.id: await self.leases.claimed(lease) for lease in leases}
        salts = [await self.people.salt(lease.tenant) for lease in leases]
        now, basis = self.clock.now(), Basis.LANDLORD_REGISTER
        async with self.book.page() as page:
            for lease, salt in zip(leases, salts, strict=True):
                told = Disclosure(lease.tenant, now, to, IDENTITY, basis, purpose)
                self.rights.disclose(page, told)
                page.note("disclosure", f"{lease.id} {basis.value}".encode(), salt)
        return shown

    async def waiting(self, lease: Lease) -> Sequence[RightsRequest]:
        """Return what he asked and nobody has answered yet, in its term."""
        now, asked = self.clock.now(), await self.rights.requests(lease.id)
        return [each for each in asked if each.answered_at is None and now < each.due]

    async def ask(self, lease: Lease, kind: RequestKind, text: str) -> RightsRequest:
        """Take a request; its receipt is its number, and its answer has a term.

        What is asked after an erasure lies under a key of its own. What waits for an
        answer already is not asked again.
        """
        async with self.turn:
            for each in await self.waiting(lease):
                if (each.kind, each.text, each.proposed) == (kind, text, None):
                    return each
            async with self.book.page() as page:
                return await self._ask(page, lease, kind, text)

    async def propose(
        self, page: Page, lease: Lease, now: Person, right: Person
    ) -> RightsRequest:
        """Take a request to be registered as another (`right`) than he is (`now`).

        His landlord is told what differs, to compare it with the original.
        """
        house = await self.houses.house(lease.house)
        fields = ", ".join(name for name, _ in changed(now, right))
        at, basis = self.clock.now(), Basis.CORRECTION
        told = Disclosure(lease.tenant, at, house.landlord.name, fields, basis)
        self.rights.disclose(page, told)
        salt = await self.people.salt(lease.tenant)
        page.note("disclosure", f"{lease.id} {basis.value}".encode(), salt)
        return await self._ask(page, lease, RequestKind.CORRECT, "", right)

    async def _ask(
        self,
        page: Page,
        lease: Lease,
        kind: RequestKind,
        text: str,
        proposed: Person | None = None,
    ) -> RightsRequest:
        if len(await self.waiting(lease)) >= OPEN_MAX:
            raise OutOfTurn("five requests wait for an answer already")
        now = self.clock.now()
        house = await self.houses.house(lease.house)
        erased = lease.stage is Stage.ERASED
        holder = await self.people.begin() if erased else lease.tenant
        request = RightsRequest(
            RequestId(new_id()),
            holder,
            lease.id,
            kind,
            now,
            now + ANSWERED_WITHIN,
            text,
            proposed=proposed,
        )
        task = Task(
            TaskId(new_id()),
            TaskKind.ANSWER_REQUEST,
            house.landlord.account,
            request.id,
            now,
            ANSWERED_WITHIN,
        )
        unknown = erased and await self.rights.farewell(lease.id) is None
        self.leases.change(page, lease, after=lease)  # not erased meanwhile
        await self.rights.put(page, request)
        self.tasks.open(page, task)
        if unknown:  # so that these words go one day as well
            never = secrets.token_bytes(32)
            farewell = Farewell(lease.id, never, now + ASKED_FOR)
            self.rights.part(page, farewell, first=True)
        salt = await self.people.salt(holder)
        page.note(f"request/{kind.value}", request.id.encode(), salt)
        return request

    async def answer(
        self, request: RightsRequest, text: str, *, granted: bool
    ) -> RightsRequest:
        """Answer a request; a refusal has its reason, which is the text.

        A correction that says what is right is granted by `Correcting` alone.
        """
        if granted and request.proposed is not None:
            raise OutOfTurn("compare the original document first")
        async with self.book.page() as page:
            return await self.answered(page, request, text, granted=granted)

    async def answered(
        self, page: Page, request: RightsRequest, text: str, *, granted: bool
    ) -> RightsRequest:
        """Answer a request on a page, with what else stands there."""
        if request.answered_at is not None:
            raise OutOfTurn("this was answered already")
        now = self.clock.now()
        answer = replace(request, granted=granted, answer=text, answered_at=now)
        await self.rights.answer(page, answer)
        self.tasks.close(page, request.id, now)
        word = "granted" if granted else "refused"
        salt = await self.people.salt(request.tenant)
        page.note(f"answer/{word}", request.id.encode(), salt)
        return answer

    async def _label(self, lease: Lease) -> str:
        try:
            return await self.leases.label(lease)
        except (OutOfTurn, Erased):
            return ""

    async def _since(
        self, lease: Lease
    ) -> tuple[datetime | None, Mapping[str, Registration]]:
        """Return when he was registered, and as of which version each field is so."""
        count = await self.register.versions(lease.tenant)
        try:
            versions = [
                await self.register.find(lease.registration, number)
                for number in range(1, count + 1)
            ]
        except Erased:
            return None, {}
        return (versions[0].recorded_at if versions else None), as_of(versions)

    async def _claimed(self, lease: Lease) -> Person | None:
        try:
            return await self.leases.claimed(lease)
        except (OutOfTurn, Erased):
            return None  # nothing was entered yet, or nothing is left
