"""What the station needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ledger.book import Page
from station.model import Admission, Box, Change, Occupant


class Boxes(Protocol):
    """The boxes that were admitted, and the codes by which others may be."""

    def admit(self, page: Page, admission: Admission) -> None: ...
    def join(self, page: Page, box: Box, code: str) -> None: ...
    async def open(self) -> Sequence[Admission]: ...
    async def find(self, box: str) -> Box: ...
    async def every(self) -> Sequence[Box]: ...


class Reports(Protocol):
    """What was received, by its key, with the receipt that was given."""

    async def receipt(self, key: str) -> tuple[str, bytes] | None: ...
    def keep(self, page: Page, key: str, digest: str, receipt: bytes) -> None: ...


class Occupancy(Protocol):
    """Who is registered as living where."""

    def apply(
        self, page: Page, box: str, report: Mapping[str, Any], now: Occupant | None
    ) -> None: ...
    async def every(self) -> Sequence[Occupant]: ...
    async def count(self) -> int: ...


class Sightings(Protocol):
    """Whom officers saw at the counter: digests, and who asked about each."""

    def put(self, page: Page, digest: bytes, expires: datetime) -> None: ...
    def use(self, page: Page, digest: bytes, by: str, now: datetime) -> None: ...
    def forget(self, page: Page, now: datetime) -> None: ...


class Fits(Protocol):
    """Checks a report against its schema; raises ReportUnfit with every field."""

    def __call__(self, report: Mapping[str, Any]) -> None: ...


Announce = Callable[[Change], None]
