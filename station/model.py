"""Boxes, reports and who is registered as living where."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class StationError(Exception):
    """Anything that goes wrong on the receiving side."""


class BoxUnknown(StationError):
    """The report names a box that was never admitted."""


class CodeUnknown(StationError):
    """No admission that is open was made with this code."""


class ReportUnfit(StationError):
    """The report says what its schema does not name, or lacks what it asks for."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("report does not fit its schema")
        self.errors = errors


class NotSeen(StationError):
    """Nobody with this name and number was given this code, or it is over."""


class KeyReused(StationError):
    """Another report came under this key before."""


class AddressHeld(StationError):
    """Another box reports this house; an officer has to say that this one may."""


class TooFast(StationError):
    """A box sends more than it may; it tries again later."""


@dataclass(frozen=True, slots=True)
class Held:
    """A house that a box reports and another one reported first: both their labels."""

    box: str
    label: str
    area: str
    addr: str
    first: str


@dataclass(frozen=True, slots=True)
class Box:
    """A box that an officer admitted."""

    id: str
    key: bytes
    label: str
    admitted_at: datetime
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """A one-time code by which one box may join."""

    code: str = field(repr=False)
    label: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom an officer has before him, as his document says."""

    kind: str
    name: str = field(repr=False)
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """The code that somebody was given at the counter, good once."""

    code: str = field(repr=False)
    expires: datetime


class Kind(Enum):
    """What a report says happened."""

    ARRIVAL = "arrival"
    CHANGE = "change"
    CORRECTION = "correction"
    DEPARTURE = "departure"


@dataclass(frozen=True, slots=True)
class Occupant:
    """One person registered as living in one room."""

    box: str
    registration: str
    version: int
    house: str
    area: str
    addr: str
    room: str
    name: str = field(repr=False)
    doc_type: str
    doc_no: str = field(repr=False)
    since: datetime
    planned_out: datetime
    landlord: str = field(repr=False)
    landlord_phone: str = field(repr=False)
    evidence: str


@dataclass(frozen=True, slots=True)
class Change:
    """What the board is told of at once: where something changed, and when."""

    kind: Kind
    house: str
    room: str
    registration: str
    recorded_at: str
    occupants: int
