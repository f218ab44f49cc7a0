"""What happened at the doors, on the ledger."""

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters import rows
from devices.model.keys import EKey, EKeyId, Right, Verdict
from devices.model.locks import Bolt, Digits, Lock, Opening, PinFacts, ReadBack
from devices.model.places import DoorId, LockId
from devices.model.tasks import DoorEvent
from ledger.book import Book, Page
from ledger.ids import TenantId

SHOWN = 20
# What is booked of openings by nobody's key: residents of the door see them.
BY = {
    Right.LANDLORD: "landlord",
    Right.EMERGENCY: "emergency",
    Right.AGREED: "agreed",
}
KINDS = {**BY, Right.SHOWN: "shown", Right.HELD: "held"}
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
        kind = KINDS.get(request.right, "unlock")
        if not verdict and kind in BY.values():
            kind = "unlock"
        self._book(page, kind, (request.asked_at, request.door, key, detail))
        page.note("unlock", f"{request.door} {key} {detail}".encode(), self.salt)
        return self.book.submit(page)

    def witness(
        self, opening: Opening, key: EKey | None, door: DoorId
    ) -> Awaitable[None]:
        page = Page()
        held = key.id if key else None
        self._book(page, "opening", (opening.at, door, held, opening.source))
        return self.book.submit(page)

    def see(self, lock: Lock) -> asyncio.Future[None]:
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
                    "read_back": lock.read_back.value,
                    "first_slot": lock.first_slot,
                    "digits_least": lock.digits.least,
                    "digits_most": lock.digits.most,
                    "digits_sure": lock.digits.sure,
                }
            ],
        )
        return self.book.submit(page)

    async def of(self, holder: TenantId, *, whole: bool = False) -> Sequence[DoorEvent]:
        held = select(rows.ekey.c.id).where(rows.ekey.c.holder == holder)
        limit = None if whole else SHOWN
        return await self._events(rows.door_event.c.key.in_(held), limit)

    async def of_others(
        self, doors: Collection[DoorId], since: datetime, *, whole: bool = False
    ) -> Sequence[DoorEvent]:
        here = rows.door_event.c.door.in_(doors) & (rows.door_event.c.at >= since)
        theirs = rows.door_event.c.kind.in_(BY.values())
        return await self._events(here & theirs, None if whole else SHOWN)

    async def of_keys(self, keys: Sequence[EKeyId]) -> Sequence[DoorEvent]:
        return await self._events(rows.door_event.c.key.in_(keys))

    async def _events(
        self, which: ColumnElement[bool], limit: int | None = SHOWN
    ) -> Sequence[DoorEvent]:
        query = select(rows.door_event).where(which)
        latest = query.order_by(rows.door_event.c.id.desc()).limit(limit)
        found = await self.book.read(lambda c: c.execute(latest).all())
        return [
            DoorEvent(row.at, row.kind, row.detail, row.door, row.key) for row in found
        ]

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

    async def told(self) -> Mapping[LockId, PinFacts]:
        found = await self.book.read(
            lambda connection: connection.execute(select(rows.told_lock)).all()
        )
        return {
            LockId(row.lock): PinFacts(
                row.slots, row.first_slot, Digits(row.digits_least, row.digits_most)
            )
            for row in found
        }

    def tell(self, page: Page, lock: LockId, facts: PinFacts) -> None:
        """Keep what a person said that a lock takes."""
        told = {
            "slots": facts.slots,
            "first_slot": facts.first,
            "digits_least": facts.digits.least,
            "digits_most": facts.digits.most,
        }
        statement = upsert(rows.told_lock).values(lock=lock, **told)
        page.put(statement.on_conflict_do_update(index_elements=["lock"], set_=told))


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
            ReadBack(row.read_back),
            row.first_slot,
            Digits(row.digits_least, row.digits_most, row.digits_sure),
        )
        for row in connection.execute(select(rows.lock).order_by(rows.lock.c.name))
    ]
