"""What a landlord has to see to until a tenant is registered, and until when."""

from dataclasses import dataclass, replace

from devices.model.tasks import Task, TaskId, TaskKind
from devices.ports import Houses, Tasks
from enrolment.model.documents import DocumentKind
from enrolment.model.leases import Lease
from enrolment.rules.terms import registers_within
from ledger.book import Page
from ledger.clock import Clock
from ledger.ids import new_id

ONE_OF = {TaskKind.CONFIRM_PERSON, TaskKind.SEE_REGISTERED}


@dataclass(frozen=True, slots=True)
class Duties:
    """One task about each claim: the term runs from the first on, whoever looks."""

    houses: Houses
    tasks: Tasks
    clock: Clock

    async def ask(
        self, page: Page, lease: Lease, kind: DocumentKind, *, to_look: bool
    ) -> None:
        """Have the landlord look at the person, or see that he gets on by himself."""
        now = self.clock.now()
        owner, waits = await self._waiting(lease)
        within = now + registers_within(kind, lease, now)
        due = min([within, *(task.due for task in waits)])
        opened = min([now, *(task.opened for task in waits)])
        what = TaskKind.CONFIRM_PERSON if to_look else TaskKind.SEE_REGISTERED
        task = Task(TaskId(new_id()), what, owner, lease.id, opened, due - opened)
        self.tasks.close(page, lease.id, now)
        self.tasks.open(page, task)

    async def go_on(self, page: Page, lease: Lease) -> None:
        """Have what waits be that he gets on, as when he begins anew elsewhere."""
        _, waits = await self._waiting(lease)
        for task in waits:
            what = replace(task, id=TaskId(new_id()), kind=TaskKind.SEE_REGISTERED)
            self.tasks.close(page, lease.id, self.clock.now())
            self.tasks.open(page, what)

    async def _waiting(self, lease: Lease) -> tuple[str, list[Task]]:
        owner = (await self.houses.house(lease.house)).landlord.account
        tasks = await self.tasks.of(owner)
        return owner, [
            task for task in tasks if task.about == lease.id and task.kind in ONE_OF
        ]

    def done(self, page: Page, lease: Lease) -> None:
        """Take note that he is registered."""
        self.tasks.close(page, lease.id, self.clock.now())
