"""A tenant leaves: the key dies, the departure is registered, his data go."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from devices.model.errors import NotYours
from devices.ports import KeyRing, Tasks
from devices.rules.keys import may_stop
from devices.service.ekeys import EKeys
from enrolment.model.consents import FACES
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import ENDED, Lease, Stage
from enrolment.model.register import Registration, RegistrationKind
from enrolment.model.rights import RightsRequest
from enrolment.ports import (
    Consents,
    Duties,
    Leases,
    People,
    Register,
    RightsBook,
    Wake,
)
from enrolment.rules.leases import deletion, may_erase
from ledger.book import Book
from ledger.clock import Clock
from ledger.errors import Conflict

TEMPLATE_STAYS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class MovingOut:
    """Ends leases, and erases people once nothing speaks against it."""

    book: Book
    leases: Leases
    consents: Consents
    people: People
    register: Register
    rights: RightsBook
    ekeys: EKeys
    keys: KeyRing
    tasks: Tasks
    duties: Duties
    clock: Clock
    wake: Wake
    retention: timedelta

    async def end(self, lease: Lease, by: str, *, agreed: bool = False) -> Lease:
        """End the lease now, by its tenant's or its landlord's word.

        One page holds the departure, the dead key and the lost template. Raises
        NotYours where the landlord has neither the tenant's word nor a paper that may
        be acted on.
        """
        if lease.stage in ENDED:
            raise OutOfTurn("this lease has ended already")
        now = self.clock.now()
        if not may_stop(self.keys.key(lease.key), by, now, agreed=agreed):
            raise NotYours("ask the tenant, or show an official paper")
        left = replace(lease, stage=Stage.LEFT, left_at=now)
        departure = None
        if lease.stage is Stage.REGISTERED:
            departure = await self._departure(lease)
        async with self.book.page() as page:
            if departure is not None:
                await self.register.append(page, departure)
            self.ekeys.revoke(page, self.keys.key(lease.key), now)
            self.consents.withdraw(page, lease.tenant, now)
            self.consents.drop(page, lease.tenant)
            self.leases.change(page, left, after=lease)
            self.tasks.close(page, lease.id, now)
            salt = await self.people.salt(lease.tenant)
            page.note("departure", f"{lease.id} {by}".encode(), salt)
        await self.keys.refresh()
        self.wake()
        return left

    async def erase_due(self) -> None:
        """Erase everyone whose term is over and about whom no duty is open.

        A template goes a day after its lease's end at the latest, whoever forgot to end
        it (rule F6). A request that waits for its answer is a duty, until it is late.
        """
        now = self.clock.now()
        for lease in await self.leases.overstayed(now - TEMPLATE_STAYS):
            if await self.consents.template(lease.tenant) is not None:
                async with self.book.page() as page:
                    self.consents.withdraw(page, lease.tenant, now, FACES)
                    self.consents.drop(page, lease.tenant)
        for lease in await self.leases.left():
            versions = await self.register.versions(lease.tenant)
            duty = await self.duties.open(lease.tenant, versions)
            asked = await self.rights.requests(lease.id)
            waits = any(each.answered_at is None and now < each.due for each in asked)
            stays = timedelta(0) if deletion(asked) else self.retention
            if may_erase(lease, now, stays, duty_open=duty or waits):
                with suppress(Conflict):  # he asked something just now: the next round
                    await self._erase(lease, asked)

    async def _departure(self, lease: Lease) -> Registration:
        living = await self.register.latest(lease.registration)
        now = self.clock.now()
        return replace(
            living,
            version=living.version + 1,
            kind=RegistrationKind.DEPARTURE,
            recorded_at=now,
            moved_out=max(now, living.move_in),
        )

    async def _erase(self, lease: Lease, asked: Sequence[RightsRequest]) -> None:
        now = self.clock.now()
        async with self.book.page() as page:
            salt = await self.people.salt(lease.tenant)
            page.note("erasure", lease.id.encode(), salt)
            self.rights.only(page, lease.id, [each.id for each in asked])
            for request in asked:
                self.tasks.close(page, request.id, now)
            self.keys.forget(page, lease.tenant)
            self.people.erase(page, lease.tenant)
            self.leases.change(page, replace(lease, stage=Stage.ERASED), after=lease)
        await self.keys.refresh()
