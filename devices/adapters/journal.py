"""What happened at the doors, on the ledger."""

from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters import rows
from devices.model import (
    Bolt,
    DoorEvent,
    EKey,
    Lock,
    LockId,
    Opening,
    Task,
    TaskId,
    TaskKind,
    Verdict,
)
from ledger.book import Book, Page
from ledger.ids import TenantId

SHOWN = 20
# Built once: every message of every lock runs one of them.
HAPPENED = insert(rows.door_event)
_fresh = upsert(rows.lock)
SEE = _fresh.on_conflict_do_update(
    index_elements=["id"],
    set_={column.name: _fresh.excluded[column.name] for column in rows.lock.c},
)


@dataclass(frozen=True, slots=True)
class LedgerJournal:
    """Fulfils Journal."""

    book: Book
    salt: bytes

    def record(self, verdict: Verdict) -> Awaitable[None]:
        page = Page()
        detail = verdict.refusal.value if verdict.refusal else "granted"
        key = verdict.key.id if verdict.key else None
        request = verdict.request
        self._book(page, "unlock", (request.asked_at, request.door, key, detail))
        page.note("unlock", f"{request.door} {key} {detail}".encode(), self.salt)
        return self.book.submit(page)

    def witness(self, opening: Opening, key: EKey | None) -> Awaitable[None]:
        page = Page()
        held = key.id if key else None
        door = key.door if key else opening.lock
        self._book(page, "opening", (opening.at, door, held, opening.source))
        return self.book.submit(page)

    def see(self, lock: Lock) -> Awaitable[None]:
        page = Page()
        page.put(
            SEE,
            [
                {
                    "id": lock.id,
                    "name": lock.name,
                    "model": lock.model,
                    "slots": lock.slots,
                    "bolt": lock.bolt.value,
                    "battery": lock.battery,
                    "reachable": lock.reachable,
                    "seen_at": lock.seen_at,
                }
            ],
        )
        return self.book.submit(page)

    async def of(self, holder: TenantId) -> Sequence[DoorEvent]:
        held = select(rows.ekey.c.id).where(rows.ekey.c.holder == holder)
        query = (
            select(rows.door_event)
            .where(rows.door_event.c.key.in_(held))
            .order_by(rows.door_event.c.id.desc())
            .limit(SHOWN)
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        return [DoorEvent(row.at, row.kind, row.detail) for row in found]

    @staticmethod
    def _book(
        page: Page, kind: str, event: tuple[datetime, str, str | None, str]
    ) -> None:
        at, door, key, detail = event
        values = {"at": at, "door": door, "key": key, "kind": kind, "detail": detail}
        page.put(HAPPENED, [values])


@dataclass(frozen=True, slots=True)
class LedgerLocks:
    """Fulfils LockStore."""

    book: Book

    async def all(self) -> Sequence[Lock]:
        return await self.book.read(read_locks)


@dataclass(frozen=True, slots=True)
class LedgerTasks:
    """Fulfils Tasks."""

    book: Book

    def open(self, page: Page, task: Task) -> None:
        page.put(insert(rows.task).values({**asdict(task), "kind": task.kind.value}))

    def close(self, page: Page, about: str, at: datetime) -> None:
        statement = update(rows.task).where(
            rows.task.c.about == about, rows.task.c.closed.is_(None)
        )
        page.put(statement.values(closed=at))

    async def of(self, owner: str) -> Sequence[Task]:
        query = select(rows.task).where(
            rows.task.c.owner == owner, rows.task.c.closed.is_(None)
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        return [
            Task(
                TaskId(row.id),
                TaskKind(row.kind),
                row.owner,
                row.about,
                row.opened,
                row.term,
                row.closed,
            )
            for row in found
        ]


def read_locks(connection: Connection) -> Sequence[Lock]:
    """List the locks from an open snapshot."""
    return [
        Lock(
            LockId(row.id),
            row.name,
            row.model,
            row.slots,
            Bolt(row.bolt),
            row.battery,
            None if row.reachable is None else bool(row.reachable),
            row.seen_at,
        )
        for row in connection.execute(select(rows.lock).order_by(rows.lock.c.name))
    ]
