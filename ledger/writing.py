"""The one writer: takes whatever pages wait, commits them together, then tells."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from sqlalchemy import Connection, Executable, insert, select, update
from sqlalchemy.exc import (
    DatabaseError,
    IntegrityError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlcipher3 import dbapi2 as sqlcipher

from ledger.audit import GENESIS, Link, Note, sealed
from ledger.clock import Clock
from ledger.errors import Conflict, LedgerUnavailable, Unkeepable
from ledger.file import LedgerFile
from ledger.ids import new_id
from ledger.rows import audit, writer

BATCH = 256
Act = Callable[[Connection], object]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Put:
    """A statement to run, once per row where rows are given."""

    statement: Executable
    rows: list[dict[str, Any]] | None

    def __call__(self, connection: Connection) -> None:
        """Run it."""
        connection.execute(self.statement, self.rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page on its way to disk, and who waits for it."""

    acts: tuple[Act, ...]
    notes: tuple[Note, ...]
    scrubs: bool
    loop: asyncio.AbstractEventLoop
    kept: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the writer's audit chain stands."""

    epoch: str
    sequence: int
    head: str


class Writer(Thread):
    """Commits pages in the order they came, many at a time, each in a SAVEPOINT."""

    def __init__(self, file: LedgerFile, clock: Clock) -> None:
        super().__init__(name="ledger-write", daemon=True)
        self.inbox: SimpleQueue[Entry | None] = SimpleQueue()
        self._name = file.writer
        self._clock = clock
        self._engine = file.engine(writing=True)
        self._connection = file.connect(self._engine)
        # Straight to the driver: these few words run for every page.
        self._tell_file = self._connection.connection.cursor().execute
        self._chain = self._opened()

    @property
    def epoch(self) -> str:
        """The epoch in which this writer writes."""
        return self._chain.epoch

    def close(self) -> None:
        """Commit what waits, end the thread, close the file."""
        self.inbox.put(None)
        self.join()
        self._connection.close()
        self._engine.dispose()

    def run(self) -> None:
        while (batch := self._gather()) is not None:
            outcomes = self._commit(batch)
            if any(entry.scrubs for entry in batch):
                self._scrub()
            self._tell(batch, outcomes)

    def _gather(self) -> list[Entry] | None:
        first = self.inbox.get()
        if first is None:
            return None
        batch = [first]
        with suppress(Empty):
            while len(batch) < BATCH:
                following = self.inbox.get_nowait()
                if following is None:
                    self.inbox.put(None)
                    break
                batch.append(following)
        return batch

    def _commit(self, batch: list[Entry]) -> list[Exception | None]:
        chain = self._chain
        outcomes: list[Exception | None] = []
        links: list[Link] = []
        try:
            self._tell_file("BEGIN IMMEDIATE")
            for alike in _runs(batch):
                outcomes += self._together(alike)
            for entry, outcome in zip(batch, outcomes, strict=True):
                if outcome is None:
                    chain = self._link(entry.notes, chain, links)
            self._remember(chain, links)
            self._tell_file("COMMIT")
        except (SQLAlchemyError, sqlcipher.Error) as error:
            self._take_back()
            trouble = LedgerUnavailable("the disk refused; free space, then try again")
            trouble.__cause__ = error
            return [trouble] * len(batch)
        self._chain = chain
        return outcomes

    def _together(self, alike: list[Entry]) -> list[Exception | None]:
        """Run pages of one and the same statement as one; one by one if that fails."""
        if len(alike) > 1:
            whole = self._turn((_merged(alike),))
            if whole is None:
                return [None] * len(alike)
        return [self._turn(entry.acts) for entry in alike]

    def _turn(self, acts: tuple[Act, ...]) -> Exception | None:
        self._tell_file("SAVEPOINT page")
        try:
            for act in acts:
                act(self._connection)
        except IntegrityError as error:
            trouble: Exception = Conflict("it clashes with what is already written")
            trouble.__cause__ = error
        except SQLAlchemyError as error:
            if self._of_the_file(error):
                raise
            trouble = Unkeepable("a value of it cannot be kept")
            trouble.__cause__ = error
        except (OverflowError, UnicodeError) as error:
            trouble = Unkeepable("a number or text of it cannot be kept")
            trouble.__cause__ = error
        except Exception as error:  # noqa: BLE001 - the writer outlives any page
            trouble = error
        else:
            self._tell_file("RELEASE page")
            return None
        self._tell_file("ROLLBACK TO page")
        self._tell_file("RELEASE page")
        return trouble

    @staticmethod
    def _of_the_file(error: SQLAlchemyError) -> bool:
        """Say whether the file itself is in trouble, and with it every page."""
        kinds = (OperationalError, InternalError)
        return isinstance(error, kinds) or type(error) is DatabaseError

    def _link(self, notes: tuple[Note, ...], chain: Chain, links: list[Link]) -> Chain:
        for note in notes:
            place = (self._name, chain.epoch, chain.sequence + 1)
            at = self._clock.now().isoformat()
            link = sealed(place, at, (note.kind, note.commitment), chain.head)
            links.append(link)
            chain = replace(chain, sequence=link.sequence, head=link.hash)
        return chain

    def _remember(self, chain: Chain, links: list[Link]) -> None:
        if not links:
            return
        self._connection.execute(insert(audit), [asdict(link) for link in links])
        self._connection.execute(
            update(writer)
            .where(writer.c.name == self._name)
            .values(sequence=chain.sequence, head=chain.head)
        )

    def _take_back(self) -> None:
        with suppress(sqlcipher.Error):
            self._tell_file("ROLLBACK")

    def _scrub(self) -> None:
        try:
            pragma = "PRAGMA wal_checkpoint(TRUNCATE)"
            busy = self._connection.exec_driver_sql(pragma).scalar()
        except SQLAlchemyError:
            busy = 1
        if busy:
            log.warning("the log keeps erased pages until its next checkpoint")

    def _opened(self) -> Chain:
        query = select(writer).where(writer.c.name == self._name)
        found = self._connection.execute(query).one_or_none()
        if found is not None:
            return Chain(found.epoch, found.sequence, found.head)
        chain = Chain(new_id(), 0, GENESIS)
        self._connection.execute(
            insert(writer).values(
                name=self._name, epoch=chain.epoch, sequence=0, head=GENESIS
            )
        )
        return chain

    @staticmethod
    def _tell(batch: list[Entry], outcomes: list[Exception | None]) -> None:
        waiting: dict[asyncio.AbstractEventLoop, list[Settled]] = {}
        for entry, outcome in zip(batch, outcomes, strict=True):
            waiting.setdefault(entry.loop, []).append((entry.kept, outcome))
        for loop, settled in waiting.items():
            with suppress(RuntimeError):  # the loop has gone, and its waiters with it
                loop.call_soon_threadsafe(_settle, settled)


def _runs(batch: list[Entry]) -> Iterator[list[Entry]]:
    """Cut a batch where the statement changes; a page of several acts stands alone."""
    for _, run in groupby(batch, key=_statement):
        yield list(run)


def _statement(entry: Entry) -> int:
    match entry.acts:
        case [Put(statement, list())]:
            return id(statement)
        case _:
            return id(entry)


def _merged(alike: list[Entry]) -> Put:
    puts = [act for entry in alike for act in entry.acts if isinstance(act, Put)]
    return Put(puts[0].statement, [row for put in puts for row in put.rows or ()])


Settled = tuple[asyncio.Future[None], Exception | None]


def _settle(settled: list[Settled]) -> None:
    for kept, outcome in settled:
        if kept.done():
            continue
        if outcome is None:
            kept.set_result(None)
        else:
            kept.set_exception(outcome)
