"""A lease goes on: its key with it, and the change is registered."""

from dataclasses import dataclass, replace
from datetime import datetime

from devices.ports import Tasks
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
    tasks: Tasks

    async def prolong(self, lease: Lease, ends: datetime, by: str) -> None:
        """Let the lease and its co-tenants' go on until `ends`, all with one page.

        Keys work as long, with the PINs they had, also where these went with the old
        end; of whoever is registered the change is reported. Raises WindowWrong where
        `ends` is no later than it was, is past, or is too late; RoomTaken where the
        room is let by then.
        """
        enrolment = self.enrolment
        if lease.stage in ENDED:
            raise OutOfTurn("this lease has ended")
        now = enrolment.clock.now()
        if not max(now, lease.ends) < ends <= now + LASTS:
            raise WindowWrong("choose a later day, within twenty years")
        together = [
            each
            for each in await enrolment.leases.of(lease.house)
            if each.tenancy == lease.tenancy
            and each.stage not in ENDED
            and each.ends < ends
        ]
        held = [enrolment.keys.key(each.key) for each in together]
        async with enrolment.book.page() as page:
            for each in together:
                await self._prolong(page, each, ends, by)
            enrolment.ekeys.prolong(page, held, ends)
        await enrolment.keys.refresh()
        enrolment.wake()

    async def _prolong(self, page: Page, lease: Lease, ends: datetime, by: str) -> None:
        enrolment = self.enrolment
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
                recorded_at=enrolment.clock.now(),
            )
            await enrolment.register.append(page, changed)
        self.tasks.close(page, lease.key, enrolment.clock.now())
        salt = await enrolment.people.salt(lease.tenant)
        page.note("prolongation", f"{lease.id} {by}".encode(), salt)
