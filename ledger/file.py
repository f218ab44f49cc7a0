"""The encrypted file: how a connection to it is opened, and what it must promise."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlcipher3 import dbapi2 as sqlcipher

from ledger.errors import LedgerLocked, LedgerUnsafe

T = TypeVar("T")
BUSY = 5000
FULL = 2
SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    f"PRAGMA busy_timeout = {BUSY}",
)


def reading(file: "LedgerFile", query: Callable[[Connection], T]) -> T:
    """Run one query on the file, beside whoever else has it open."""
    if not file.path.exists():
        raise LedgerLocked(f"{file.path.name}: no such book; run `lodge init` first")
    engine = file.engine(writing=False)
    try:
        with file.connect(engine) as connection:
            return query(connection)
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """Where the book lies, its raw 32-byte key, and the name of its writer."""

    path: Path
    key: bytes = field(repr=False)
    writer: str
    settings: tuple[str, ...] = SETTINGS

    def engine(self, *, writing: bool) -> Engine:
        """Return an engine whose connections carry the key and the promises.

        A ledger is made for its owner alone.
        """
        if writing:
            self.path.touch(mode=0o600)
        engine = create_engine(
            f"sqlite:///{self.path}",
            module=sqlcipher,
            poolclass=QueuePool,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def prepare(raw: Any, _record: Any) -> None:
            cursor = raw.cursor()
            cursor.execute("PRAGMA cipher_log_level = NONE")  # errors are raised
            cursor.execute(f"PRAGMA key = \"x'{self.key.hex()}'\"")
            for setting in self.settings:
                cursor.execute(setting)
            if not writing:
                cursor.execute("PRAGMA query_only = ON")
            cursor.close()

        return engine

    def connect(self, engine: Engine) -> Connection:
        """Open a connection and read back what was asked; raise where it is not so."""
        try:
            connection = engine.connect()
            journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            cipher = connection.exec_driver_sql("PRAGMA cipher_version").scalar()
        except DatabaseError as error:
            raise LedgerLocked(f"{self.path.name}: wrong key, or no book") from error
        if journal != "wal" or level != FULL or not cipher:
            connection.close()
            raise LedgerUnsafe(
                f"{self.path.name}: journal {journal}, synchronous {level}, "
                f"cipher {cipher}; wal, {FULL} and a cipher are needed"
            )
        return connection
