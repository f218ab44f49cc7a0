"""The time, and how far it can be believed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

SLACK = timedelta(seconds=5)
# Further than this the clock must not have run ahead of what is known to have passed
# (the user's decision, issue "Doors"): somebody has to say that it is right.
LEAP = timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Trust(Enum):
    """Whether deadlines and windows may rest on the clock."""

    SURE = "sure"
    UNSURE = "unsure"


class Clock(Protocol):
    """Tells aware UTC instants; the only source of time in Lodge."""

    def now(self) -> datetime:
        """Return the present instant in UTC, never before what has passed."""

    @property
    def trust(self) -> Trust:
        """Say whether the instant can be believed."""

    @property
    def sure_until(self) -> datetime:
        """Return the last instant that is known to have passed."""

    @property
    def claimed(self) -> datetime:
        """Return what the machine's clock shows, believed or not."""

    def witness(self, seen: datetime) -> None:
        """Take note of an instant that is known to have passed."""

    def confirm(self, told: datetime) -> None:
        """Take another's word for the present instant: a station's, the landlord's."""


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the Clock's adapter


@dataclass(slots=True)
class SystemClock:
    """The machine's clock, doubted once it leaps.

    Backwards: before an instant that the book, a signed receipt or this clock has
    seen. Either way: over a day from what the monotonic clock lets expect. While in
    doubt, time goes on from what is known. Doubt ends when the clock is right again,
    or a station's signed time or the landlord confirms it.
    """

    wall: Callable[[], datetime] = _wall
    ticks: Callable[[], float] = time.monotonic
    floor: datetime = LONG_AGO
    _anchor: tuple[datetime, float] | None = field(default=None, repr=False)

    def now(self) -> datetime:
        wall = self.wall()
        if self._sure(wall):
            self.floor = max(self.floor, wall)
            return wall if self.floor - wall <= SLACK else self.floor
        return max(self.floor, self._expected(wall))

    @property
    def trust(self) -> Trust:
        return Trust.SURE if self._sure(self.wall()) else Trust.UNSURE

    @property
    def sure_until(self) -> datetime:
        return self.now() if self.trust is Trust.SURE else self.floor

    @property
    def claimed(self) -> datetime:
        return self.wall()

    def witness(self, seen: datetime) -> None:
        """Raise the floor to an instant that is known to have passed."""
        if seen > self.floor:
            self.floor = seen
            self._anchor = (seen, self.ticks())

    def confirm(self, told: datetime) -> None:
        self.witness(told)
        if abs(told - self.wall()) <= LEAP:
            self._anchor = (told, self.ticks())

    def _sure(self, wall: datetime) -> bool:
        leapt = abs(wall - self._expected(wall)) > LEAP
        return wall + SLACK >= self.floor and not leapt

    def _expected(self, wall: datetime) -> datetime:
        if self._anchor is None:
            return wall
        seen, at = self._anchor
        return seen + timedelta(seconds=self.ticks() - at)
