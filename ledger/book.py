"""The book: readers beside one writer that commits many pages at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row, select

from ledger.audit import Link, Note, Verification, verify
from ledger.clock import Clock
from ledger.file import LedgerFile
from ledger.rows import audit, writer
from ledger.writing import Entry, Put, Writer

T = TypeVar("T")
READERS = 2


@dataclass(slots=True)
class Page:
    """Writes that become true together, or not at all."""

    acts: list[Callable[[Connection], object]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    scrubs: bool = False

    def put(
        self, statement: Executable, rows: list[dict[str, Any]] | None = None
    ) -> None:
        """Add a statement to run, once per row where rows are given."""
        self.acts.append(Put(statement, rows))

    def check(self, act: Callable[[Connection], object]) -> None:
        """Add a look at the facts; if it raises, the page is taken back whole."""
        self.acts.append(act)

    def note(self, kind: str, content: bytes, salt: bytes) -> None:
        """Append a link to the audit chain with this page."""
        self.notes.append(Note(kind, content, salt))

    def scrub(self) -> None:
        """Leave no copy of what this page deletes in the file or its log."""
        self.scrubs = True


class Book:
    """An open book: many readers, one writer thread, one loop at a time."""

    def __init__(self, file: LedgerFile, clock: Clock) -> None:
        self._file = file
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-read")
        self._reading = file.engine(writing=False)
        self._writer = Writer(file, clock)
        self._writer.start()

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Yield a page; leaving it returns once the page is on disk, or raises."""
        page = Page()
        yield page
        await self.submit(page)

    def submit(self, page: Page) -> asyncio.Future[None]:
        """Hand a page to the writer; the future ends after COMMIT, not before."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._writer.inbox.put(
            Entry(tuple(page.acts), tuple(page.notes), page.scrubs, loop, kept)
        )
        return kept

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a snapshot of what is committed, off the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.look, query)

    def look(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a snapshot of what is committed, in this thread."""
        with self._reading.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return query(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @property
    def epoch(self) -> str:
        """The epoch in which this book is written; a restored copy gets another."""
        return self._writer.epoch

    def close(self) -> None:
        """Write what was handed over, then let go of the file."""
        self._writer.close()
        self._readers.shutdown()
        self._reading.dispose()


def verify_audit(connection: Connection, name: str) -> Verification:
    """Walk the audit chain of one writer in its present epoch."""
    state = connection.execute(select(writer).where(writer.c.name == name)).one()
    query = (
        select(audit)
        .where(audit.c.writer == name, audit.c.epoch == state.epoch)
        .order_by(audit.c.sequence)
    )
    rows = connection.execution_options(yield_per=1000).execute(query)
    return verify((_link(row) for row in rows), state.head)


def _link(row: Row[Any]) -> Link:
    return Link(
        row.writer,
        row.epoch,
        row.sequence,
        row.at,
        row.kind,
        row.commitment,
        row.previous,
        row.hash,
    )
