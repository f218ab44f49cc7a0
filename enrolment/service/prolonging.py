"""A lease goes on: its key with it, and the change is registered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from devices.model.approvals import ApprovalKind
from devices.model.keys import KeyState
from devices.ports import Approvals, Houses, Tasks
from enrolment.model.errors import OutOfTurn, WindowWrong
from enrolment.model.leases import ENDED, Lease, Stage
from enrolment.model.register import RegistrationKind
from enrolment.rules.leases import LASTS
from enrolment.service.enrolment import Enrolment
from ledger.book import Page


@dataclass(frozen=True, slots=True)
class Prolonging:
    """Lets those who live together under one lease stay longer than was agreed."""

    enrolment: Enrolment
    houses: Houses
    approvals: Approvals
    tasks: Tasks

    async def beside(self, lease: Lease) -> Sequence[Lease]:
        """List the leases of those who live with a tenant under the same lease."""
        return [
            each
            for each in await self.enrolment.leases.of(lease.house)
            if each.tenancy == lease.tenancy
            and each.id != lease.id
            and each.stage not in ENDED
        ]

    async def prolong(self, leases: Sequence[Lease], ends: datetime, by: str) -> None:
        """Let leases of one room go on until `ends`, all with one page.

        Keys work as long, with the PINs they had, also where these went with the old
        end; of whoever is registered the change is reported. Raises WindowWrong where
        `ends` is no later than it was, is past, or is too late; RoomTaken where the
        room is let by then; NotSo where a key was ended for ever.
        """
        enrolment = self.enrolment
        now, first = enrolment.clock.now(), leases[0]
        if any(e.stage in ENDED or e.tenancy != first.tenancy for e in leases):
            raise OutOfTurn("this lease has ended, or is another one")
        if not max(now, *(each.ends for each in leases)) < ends <= now + LASTS:
            raise WindowWrong("choose a later day, within twenty years")
        keys = [enrolment.keys.key(each.key) for each in leases]
        opened = sorted({door for key in keys for door in key.doors})
        doors = [await self.houses.door(door) for door in opened]
        async with enrolment.book.page() as page:
            for each in leases:
                await self._prolong(page, each, ends, by)
            enrolment.ekeys.prolong(page, keys, doors, ends)
        await enrolment.keys.refresh()
        enrolment.wake()

    async def _prolong(self, page: Page, lease: Lease, ends: datetime, by: str) -> None:
        enrolment, now = self.enrolment, self.enrolment.clock.now()
        longer = replace(lease, ends=ends)
        enrolment.leases.change(page, longer, after=lease)
        enrolment.leases.free(page, longer)
        if lease.stage is Stage.REGISTERED:
            before = await enrolment.register.latest(lease.registration)
            changed = replace(
                before,
                version=before.version + 1,
                kind=RegistrationKind.CHANGE,
                planned_out=ends,
                recorded_at=now,
            )
            await enrolment.register.append(page, changed)
        # A yes to the end was one to the old lease; a PIN that works is none to clear.
        self.approvals.lapse(page, ApprovalKind.END_LEASE, lease.id, now)
        if enrolment.keys.key(lease.key).state is KeyState.ACTIVE:
            self.tasks.close(page, lease.key, now)
        salt = await enrolment.people.salt(lease.tenant)
        page.note("prolongation", f"{lease.id} {by}".encode(), salt)
