"""Keys of readers on the ledger, sealed under the box's key for devices."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters.rows import reader_key
from devices.model.places import LockId
from devices.model.readers import ReaderKey
from ledger.book import Book, Page
from ledger.keys import KeyClass, MasterKey


@dataclass(frozen=True, slots=True)
class LedgerReaderKeys:
    """Fulfils ReaderKeys."""

    book: Book
    master: MasterKey

    async def find(self, lock: LockId) -> ReaderKey | None:
        def query(connection: Connection) -> ReaderKey | None:
            found = select(reader_key).where(reader_key.c.lock == lock)
            row = connection.execute(found).one_or_none()
            if row is None:
                return None
            secret = self.master.unseal(KeyClass.DEVICE, lock, row.sealed)
            return ReaderKey(lock, secret, row.installed)

        return await self.book.read(query)

    def keep(self, page: Page, key: ReaderKey) -> None:
        sealed = self.master.seal(KeyClass.DEVICE, key.lock, key.secret)
        told = {"sealed": sealed, "installed": key.installed}
        statement = upsert(reader_key).values(lock=key.lock, **told)
        page.put(statement.on_conflict_do_update(index_elements=["lock"], set_=told))

    def forget(self, page: Page, lock: LockId) -> None:
        page.put(delete(reader_key).where(reader_key.c.lock == lock))
