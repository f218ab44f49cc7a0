"""The durable book under faults, each promise beside a variant that breaks it."""

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, update

from devices.adapters import rows
from ledger.audit import GENESIS
from ledger.book import Book, Page, verify_audit
from ledger.errors import Conflict, LedgerLocked, LedgerUnavailable, LedgerUnsafe
from ledger.file import LedgerFile
from ledger.ids import TenantId
from ledger.keys import (
    Erased,
    KeyClass,
    KeyUnusable,
    MasterKey,
    Vault,
    make_secret,
    read_secret,
)
from ledger.rows import audit, writer
from ledger.writing import Writer
from tests.fakes import FixedClock

COMMITTER = Path(__file__).with_name("committer.py")


def lock_row(number: int) -> dict:
    said = {"model": "", "slots": 0, "bolt": "locked", "read_back": "status"}
    return {"id": str(number), "name": "n", **said}


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(rows.lock)) or 0


async def put(book: Book, number: int) -> None:
    async with book.page() as page:
        page.put(insert(rows.lock).values(lock_row(number)))
        page.note("lock", str(number).encode(), b"salt")


async def test_many_pages_go_to_disk_together_and_keep_their_chain(book: Book) -> None:
    await asyncio.gather(*(put(book, number) for number in range(1000)))
    assert await book.read(count) == 1000
    found = await book.read(lambda c: verify_audit(c, "box"))
    assert (found.ok, found.entries) == (True, 1000)


async def test_a_bad_page_leaves_no_trace_and_spares_its_neighbours(
    book: Book,
) -> None:
    outcomes = await asyncio.gather(
        *(put(book, number % 90) for number in range(100)), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in outcomes) == 10
    assert await book.read(count) == 90
    found = await book.read(lambda c: verify_audit(c, "box"))
    assert (found.ok, found.entries) == (True, 90)


def unkeepable(number: int) -> dict:
    """A row whose value overflows as it is bound, or is refused by the driver."""
    bad = [
        {"model": object()},
        {"slots": 2**70},
        {"model": "\ud800"},
        {"model": ["a list"]},
    ]
    return lock_row(1000 + number) | bad[number % len(bad)]


async def strange_among_good(book: Book) -> list:
    """Hand over good pages with some among them that cannot be kept."""

    async def strange(number: int) -> None:
        async with book.page() as page:
            page.put(insert(rows.lock).values(unkeepable(number)))

    every = [strange(n) if n % 5 == 0 else put(book, n) for n in range(100)]
    return await asyncio.gather(*every, return_exceptions=True)


async def test_a_value_that_cannot_be_kept_costs_its_own_page_alone(book: Book) -> None:
    outcomes = await strange_among_good(book)
    failed = [n for n, each in enumerate(outcomes) if each is not None]
    assert failed == list(range(0, 100, 5))
    assert not any(isinstance(each, LedgerUnavailable) for each in outcomes)
    assert await book.read(count) == 80


async def test_broken_variant_that_blames_the_disk_refuses_neighbours(
    book: Book, monkeypatch
) -> None:
    monkeypatch.setattr(Writer, "_of_the_file", lambda *_: True)
    outcomes = await strange_among_good(book)
    assert sum(each is not None for each in outcomes) > 20


async def write_twice(book: Book) -> int:
    """Try to write a row twice in one page; return how many are there after."""
    page = Page()
    for _ in range(2):
        page.put(insert(rows.lock).values(lock_row(1)))
    with pytest.raises(Conflict):
        await book.submit(page)
    return await book.read(count)


async def test_half_a_page_is_never_written(book: Book) -> None:
    assert await write_twice(book) == 0


async def test_broken_variant_without_savepoints_writes_half_a_page(
    book: Book,
) -> None:
    told = book._writer._tell_file

    def careless(statement: str) -> None:
        if "page" not in statement:
            told(statement)

    book._writer._tell_file = careless
    assert await write_twice(book) == 1


async def test_a_page_that_raises_anything_is_taken_back(book: Book) -> None:
    def trip(connection: Connection) -> None:
        connection.execute(insert(rows.lock).values(lock_row(1)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with book.page() as page:
            page.check(trip)
    assert await book.read(count) == 0
    await put(book, 2)
    assert await book.read(count) == 1


async def test_readers_see_the_last_commit_while_the_writer_is_busy(
    book: Book,
) -> None:
    await put(book, 0)
    writing = [asyncio.ensure_future(put(book, n)) for n in range(1, 500)]  # noqa: TID251
    seen = await book.read(count)
    await asyncio.gather(*writing)
    assert 1 <= seen <= 500


async def test_a_changed_audit_link_is_found(book: Book) -> None:
    for number in range(5):
        await put(book, number)
    async with book.page() as page:
        page.put(update(audit).where(audit.c.sequence == 3).values(kind="other"))
    found = await book.read(lambda c: verify_audit(c, "box"))
    assert (found.ok, found.first_bad) == (False, 3)


async def test_cutting_off_the_last_links_is_found(book: Book) -> None:
    await put(book, 1)
    async with book.page() as page:
        page.put(update(writer).values(head=GENESIS))
    assert not (await book.read(lambda c: verify_audit(c, "box"))).ok


async def test_the_epoch_outlives_a_restart(
    file: LedgerFile, clock: FixedClock
) -> None:
    first = Book(file, clock)
    epoch = first.epoch
    await put(first, 1)
    first.close()
    again = Book(file, clock)
    assert again.epoch == epoch
    await put(again, 2)
    assert (await again.read(lambda c: verify_audit(c, "box"))).ok
    again.close()


def test_the_wrong_key_opens_nothing(file: LedgerFile, clock: FixedClock) -> None:
    with pytest.raises(LedgerLocked):
        Book(replace(file, key=b"x" * 32), clock)


@pytest.mark.parametrize(
    ("promise", "broken"),
    [
        ("PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),
        ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),
        ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode = MEMORY"),
    ],
)
def test_broken_variant_with_less_durability_is_not_opened(
    file: LedgerFile, clock: FixedClock, promise: str, broken: str
) -> None:
    settings = tuple(broken if each == promise else each for each in file.settings)
    with pytest.raises(LedgerUnsafe):
        Book(replace(file, settings=settings), clock)


def acknowledged_unsynced(trace: str) -> int:
    """Count acknowledgements whose own write was not in the log and synced."""
    written, synced, early = False, False, 0
    for line in trace.splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            written, synced = True, False
        elif re.search(r"(fdatasync|fsync)\(\d+<[^>]*-wal>", line):
            synced = written
        elif "ACK" in line and "write(" in line:
            early += not synced
        elif "ASK" in line and "write(" in line:
            written, synced = False, False
    return early


def traced(file: LedgerFile, tmp_path: Path, variant: str) -> tuple[int, int]:
    trace = tmp_path / "trace"
    told = subprocess.run(
        [
            "/usr/bin/strace",
            "-f",
            "-y",
            "-e",
            "trace=pwrite64,fdatasync,fsync,write",
            "-o",
            trace,
            sys.executable,
            COMMITTER,
            file.path,
            variant,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    acknowledged = told.stdout.count("ACK")
    return acknowledged, acknowledged_unsynced(trace.read_text(errors="replace"))


def test_nothing_is_acknowledged_before_the_disk_has_it(
    file: LedgerFile, tmp_path: Path
) -> None:
    assert traced(file, tmp_path, "good") == (20, 0)


@pytest.mark.parametrize("variant", ["off", "early"])
def test_broken_variants_that_acknowledge_unsynced_writes_are_caught(
    file: LedgerFile, tmp_path: Path, variant: str
) -> None:
    acknowledged, early = traced(file, tmp_path, variant)
    assert acknowledged == 20
    assert early > 0


async def test_a_failing_disk_refuses_every_waiter_and_keeps_the_book_whole(
    book: Book,
) -> None:
    await put(book, 1)
    size = book.look(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
    connection = book._writer._connection
    connection.exec_driver_sql(f"PRAGMA max_page_count = {size}")
    page = Page()
    page.put(insert(rows.lock).values({**lock_row(2), "model": "x" * 100_000}))
    with pytest.raises(LedgerUnavailable):
        await book.submit(page)
    connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    await put(book, 3)
    assert await book.read(count) == 2
    assert (await book.read(lambda c: verify_audit(c, "box"))).ok


async def test_an_erased_tenants_key_cannot_be_had_again(book: Book) -> None:
    vault, tenant = Vault(MasterKey(b"m" * 32)), TenantId("t")
    async with book.page() as page:
        key = vault.make(page, tenant)
    sealed = key.seal(KeyClass.PERSON, "name", b"somebody")
    again = await book.read(lambda c: vault.find(c, tenant))
    assert again.unseal(KeyClass.PERSON, "name", sealed) == b"somebody"
    async with book.page() as page:
        vault.destroy(page, tenant)
    with pytest.raises(Erased):
        await book.read(lambda c: vault.find(c, tenant))


def test_d8_a_key_of_another_class_opens_nothing() -> None:
    vault, tenant = Vault(MasterKey(b"m" * 32)), TenantId("t")
    key = vault.make(Page(), tenant)
    sealed = key.seal(KeyClass.BIOMETRIC, "template", b"numbers")
    with pytest.raises(Erased):
        key.unseal(KeyClass.PERSON, "template", sealed)
    with pytest.raises(Erased):
        key.unseal(KeyClass.BIOMETRIC, "name", sealed)


def test_a_key_file_is_made_once_and_refused_when_others_can_read_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "master.key"
    assert make_secret(path) == read_secret(path)
    with pytest.raises(FileExistsError):
        make_secret(path)
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    path.write_text("not hex")
    with pytest.raises(KeyUnusable):
        read_secret(path)
