"""Tries that went wrong: counted by whatever tried, forgiven by time alone.

What counts is kept over restarts. A good try takes back its own count and nobody
else's: whoever may get in himself buys no further guesses at others by it.
"""

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import TooManyAttempts
from ledger.rows import attempt

LONG_AGO = datetime.min.replace(tzinfo=UTC)
# Of more than so many nobody remembers the oldest; a row has some 60 bytes.
KNOWN_MAX = 4096
# So many past the free ones are remembered: what comes after costs no longer pause.
LONGEST = 8
NAME_BYTES, SOME = 16, 256


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries are free, how pauses grow, and how soon one is forgiven."""

    free: int = 5
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=15)
    forgives: timedelta = timedelta(minutes=12)


@dataclass(frozen=True, slots=True)
class Tries:
    """How often something went wrong of late, and until when nothing is tried."""

    wrong: int = 0
    last: datetime = LONG_AGO
    shut_until: datetime = LONG_AGO


Counted = tuple[str, Limit]


def shut(tries: Tries, at: datetime) -> bool:
    """Say whether nothing may be tried now.

    A clock that was set back ends the pause rather than stretch it.
    """
    return tries.last <= at < tries.shut_until


def after_wrong(tries: Tries, at: datetime, limit: Limit) -> Tries:
    """Count a try; those that are long enough ago are forgiven, one by one."""
    forgiven = max(0, (at - tries.last) // limit.forgives)
    left = max(0, tries.wrong - forgiven)
    # What was waited towards the next one to be forgiven counts on.
    last = tries.last + forgiven * limit.forgives if left and at >= tries.last else at
    wrong = left + 1
    wrong = min(wrong, limit.free + LONGEST)
    if wrong < limit.free:
        return Tries(wrong, last)
    doubled = limit.first * (1 << min(wrong - limit.free, 16))
    return Tries(wrong, last, at + min(doubled, limit.longest))


@dataclass(slots=True)
class Attempts:
    """Counts tries by name; names are kept as digests under the program's salt."""

    book: Book
    clock: Clock
    salt: bytes = field(repr=False)
    _tries: OrderedDict[bytes, Tries] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._tries.update(self.book.look(_kept))

    def shut(self, name: str) -> bool:
        """Say whether nothing may be tried under a name now."""
        return shut(self._tries.get(self._digest(name), Tries()), self.clock.now())

    def count(self, *counted: Counted) -> None:
        """Count a try before it is made, under each name.

        Raises TooManyAttempts, and counts nothing, where one of them has to wait.
        """
        if any(self.shut(name) for name, _ in counted):
            raise TooManyAttempts("too many tries; wait a while")
        for name, limit in counted:
            self.wrong(name, limit)

    def wrong(self, name: str, limit: Limit) -> Tries:
        """Count what went wrong; return how things stand."""
        digest = self._digest(name)
        before = self._tries.pop(digest, Tries())
        after = after_wrong(before, self.clock.now(), limit)
        self._tries[digest] = after
        self._keep(digest, after)
        while len(self._tries) > KNOWN_MAX:
            # Of the oldest the one that weighs least: nobody buries another's count.
            some = islice(self._tries.items(), SOME)
            least = min(some, key=lambda each: each[1].wrong)[0]
            del self._tries[least]
            self._keep(least, None)
        return after

    def good(self, *counted: Counted) -> None:
        """Take back what was counted for a try that was good."""
        for name, _ in counted:
            digest = self._digest(name)
            if (tries := self._tries.get(digest)) is not None:
                left = replace(tries, wrong=tries.wrong - 1, shut_until=LONG_AGO)
                self._tries[digest] = left
                self._keep(digest, left)

    def _keep(self, digest: bytes, tries: Tries | None) -> None:
        """Have it written; nobody waits, and a full disk stops nobody."""
        page = Page()
        if tries is None or not tries.wrong:
            page.put(delete(attempt).where(attempt.c.name == digest))
        else:
            told = {
                "wrong": tries.wrong,
                "last": tries.last,
                "shut_until": tries.shut_until,
            }
            fresh = upsert(attempt).values(name=digest, **told)
            page.put(fresh.on_conflict_do_update(index_elements=["name"], set_=told))
        self.book.submit(page).add_done_callback(lambda kept: kept.exception())

    def _digest(self, name: str) -> bytes:
        return hmac.digest(self.salt, name.encode(), sha256)[:NAME_BYTES]


def _kept(connection: Connection) -> list[tuple[bytes, Tries]]:
    found = connection.execute(select(attempt).order_by(attempt.c.last))
    return [(row.name, Tries(row.wrong, row.last, row.shut_until)) for row in found]
