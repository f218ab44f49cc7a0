"""What was announced on the broker, on the ledger."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select

from devices.adapters import rows
from devices.model.announcements import Announcement
from devices.model.places import LockId
from ledger.book import Book, Page


@dataclass(frozen=True, slots=True)
class LedgerAnnouncements:
    """Fulfils Announcements."""

    book: Book

    async def all(self) -> Sequence[Announcement]:
        found = await self.book.read(
            lambda connection: connection.execute(select(rows.announcement)).all()
        )
        return [
            Announcement(
                row.source,
                row.place,
                LockId(row.lock),
                row.name,
                row.topic,
                row.payload,
                row.terms,
                row.used,
                row.gone,
            )
            for row in found
        ]

    def replace(self, page: Page, lock: LockId, known: Sequence[Announcement]) -> None:
        """Keep these announcements of a lock, and no others."""
        page.put(delete(rows.announcement).where(rows.announcement.c.lock == lock))
        for each in known:
            page.put(insert(rows.announcement).values(asdict(each)))
