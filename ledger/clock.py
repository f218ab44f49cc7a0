"""The time, and how far it can be believed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

SLACK = timedelta(seconds=5)


class Trust(Enum):
    """Whether deadlines and windows may rest on the clock."""

    SURE = "sure"
    UNSURE = "unsure"


class Clock(Protocol):
    """Tells aware UTC instants; the only source of time in Lodge."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""

    @property
    def trust(self) -> Trust:
        """Say whether the instant can be believed."""


@dataclass(slots=True)
class SystemClock:
    """The machine's clock, doubted once it stands before what the book has seen."""

    floor: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock's adapter

    @property
    def trust(self) -> Trust:
        if self.now() + SLACK < self.floor:
            return Trust.UNSURE
        return Trust.SURE

    def witness(self, seen: datetime) -> None:
        """Raise the floor to an instant that is known to have passed."""
        self.floor = max(self.floor, seen)
