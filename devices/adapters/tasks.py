"""What people have to do, and what residents were asked, on the ledger."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from devices.adapters import rows
from devices.model.approvals import Answer, Approval, ApprovalId, ApprovalKind, Paper
from devices.model.errors import UnknownDoor
from devices.model.tasks import Incident, Task, TaskId, TaskKind
from ledger.book import Book, Page
from ledger.errors import Conflict
from ledger.ids import TenantId

SHOWN = 20


@dataclass(frozen=True, slots=True)
class LedgerTasks:
    """Fulfils Tasks."""

    book: Book

    def open(self, page: Page, task: Task) -> None:
        page.put(insert(rows.task).values(_task_values(task)))

    def close(self, page: Page, about: str, at: datetime) -> None:
        statement = update(rows.task).where(
            rows.task.c.about == about,
            rows.task.c.closed.is_(None),
            rows.task.c.incident.is_(None),
        )
        page.put(statement.values(closed=at))

    def change(self, page: Page, task: Task) -> None:
        statement = update(rows.task).where(rows.task.c.id == task.id)
        page.put(statement.values(_task_values(task)))

    def pass_on(
        self, page: Page, owners: tuple[str, str], abouts: Collection[str]
    ) -> None:
        """Give what is open about some things from one owner to another."""
        before, after = owners
        statement = update(rows.task).where(
            rows.task.c.owner == before,
            rows.task.c.about.in_(abouts),
            rows.task.c.closed.is_(None),
        )
        page.put(statement.values(owner=after))

    async def of(self, owner: str) -> Sequence[Task]:
        return await self._tasks(
            rows.task.c.owner == owner, rows.task.c.closed.is_(None)
        )

    async def find(self, task: TaskId) -> Task:
        found = await self._tasks(rows.task.c.id == task)
        if not found:
            raise UnknownDoor("there is no such task")
        return found[0]

    async def open_of(self, incident: Incident, about: str) -> Sequence[Task]:
        return await self._tasks(
            rows.task.c.incident == incident.value,
            rows.task.c.about == about,
            rows.task.c.closed.is_(None),
        )

    async def _tasks(self, *which: ColumnElement[bool]) -> Sequence[Task]:
        query = select(rows.task).where(*which).order_by(rows.task.c.opened)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [_task(row) for row in found]


@dataclass(frozen=True, slots=True)
class LedgerApprovals:
    """Fulfils Approvals."""

    book: Book

    def ask(self, page: Page, approval: Approval) -> None:
        page.put(insert(rows.approval).values(_approval_values(approval)))

    def answer(self, page: Page, approval: Approval) -> None:
        statement = (
            update(rows.approval)
            .where(rows.approval.c.id == approval.id)
            .where(rows.approval.c.answer.is_(None))
            .values(_approval_values(approval))
        )

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise Conflict("this question was answered a moment ago")

        page.check(act)

    def lapse(self, page: Page, kind: ApprovalKind, about: str, at: datetime) -> None:
        table = rows.approval.c
        these = (table.kind == kind.value) & (table.about == about)
        statement = update(rows.approval).where(these, table.expires > at)
        page.put(statement.values(expires=at))

    def drop(
        self, page: Page, asked_by: str, abouts: Collection[str], at: datetime
    ) -> None:
        """Let what somebody asked about these lapse, answered or not; papers stand."""
        table = rows.approval.c
        his = (table.asked_by == asked_by) & table.about.in_(abouts)
        statement = update(rows.approval).where(
            his, table.number.is_(None), table.expires > at
        )
        page.put(statement.values(expires=at))

    async def find(self, approval: ApprovalId) -> Approval:
        found = await self._approvals(rows.approval.c.id == approval)
        if not found:
            raise UnknownDoor("there is no such question")
        return found[0]

    async def of(self, resident: TenantId) -> Sequence[Approval]:
        his = rows.approval.c.resident == resident
        latest = await self._approvals(his)
        # No number of questions hides a paper.
        papers = await self._approvals(his & rows.approval.c.number.is_not(None), None)
        every = {each.id: each for each in (*latest, *papers)}
        return sorted(every.values(), key=lambda each: each.asked_at, reverse=True)

    async def about(self, about: str) -> Sequence[Approval]:
        return await self._approvals(rows.approval.c.about == about, None)

    async def _approvals(
        self, which: ColumnElement[bool], most: int | None = SHOWN
    ) -> Sequence[Approval]:
        query = select(rows.approval).where(which)
        latest = query.order_by(rows.approval.c.asked_at.desc()).limit(most)
        found = await self.book.read(lambda c: c.execute(latest).all())
        return [_approval(row) for row in found]


def _task_values(task: Task) -> dict[str, Any]:
    incident = task.incident.value if task.incident else None
    return {**asdict(task), "kind": task.kind.value, "incident": incident}


def _task(row: Row[Any]) -> Task:
    return Task(
        TaskId(row.id),
        TaskKind(row.kind),
        row.owner,
        row.about,
        row.opened,
        row.term,
        row.closed,
        Incident(row.incident) if row.incident else None,
        row.gone,
        row.accepted,
        row.note,
    )


def _approval_values(approval: Approval) -> dict[str, Any]:
    paper = approval.paper
    return {
        "id": approval.id,
        "kind": approval.kind.value,
        "about": approval.about,
        "asked_by": approval.asked_by,
        "resident": approval.resident,
        "asked_at": approval.asked_at,
        "expires": approval.expires,
        "answer": approval.answer.value if approval.answer else None,
        "answered_at": approval.answered_at,
        "authority": paper.authority if paper else None,
        "number": paper.number if paper else None,
    }


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        ApprovalId(row.id),
        ApprovalKind(row.kind),
        row.about,
        row.asked_by,
        TenantId(row.resident),
        row.asked_at,
        row.expires,
        Answer(row.answer) if row.answer else None,
        row.answered_at,
        Paper(row.authority, row.number) if row.authority else None,
    )
