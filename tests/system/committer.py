"""Commits pages and says ACK after each; started by test_ledger under strace.

Arguments: the file, and a variant: `good`, `off` (synchronous off), `early`
(acknowledges before the commit).
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from devices.adapters import rows
from ledger import file as ledger_file
from ledger.book import Book, Page
from ledger.file import LedgerFile
from tests.fakes import FixedClock

TIMES = 20


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201


def weakened() -> tuple[str, ...]:
    ledger_file.FULL = 0
    return tuple(
        each.replace("= FULL", "= OFF") if "synchronous" in each else each
        for each in ledger_file.SETTINGS
    )


async def main(path: str, variant: str) -> None:
    settings = weakened() if variant == "off" else ledger_file.SETTINGS
    file = LedgerFile(Path(path), b"k" * 32, "box", settings)
    book = Book(file, FixedClock(datetime(2026, 1, 1, tzinfo=UTC)))
    for number in range(TIMES):
        page = Page()
        row = {
            "id": str(number),
            "name": "n",
            "model": "",
            "slots": 0,
            "bolt": "x",
            "read_back": "x",
        }
        page.put(insert(rows.lock).values(row))
        say("ASK")
        if variant == "early":
            page.check(lambda _: say("ACK"))
        await book.submit(page)
        if variant != "early":
            say("ACK")
    book.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
