"""Locks: what they say of themselves, and how far a command has come."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from devices.model.places import LockId


class Bolt(Enum):
    """What the lock last said of its bolt (Matter LockState)."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    UNLATCHED = "unlatched"
    NOT_FULLY_LOCKED = "not_fully_locked"
    UNKNOWN = "unknown"


# What a bolt is once its door can be pushed open, or pulled.
OPEN = frozenset({Bolt.UNLOCKED, Bolt.UNLATCHED})


class ReadBack(Enum):
    """Whether a lock can be asked what a slot holds."""

    STATUS = "status"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Digits:
    """How many digits a PIN may have; not `sure` where nobody said it."""

    least: int
    most: int
    sure: bool = True


ASSUMED = Digits(6, 6, sure=False)


@dataclass(frozen=True, slots=True)
class PinFacts:
    """What a lock takes: people's slots from `first` to below `slots`, PIN lengths."""

    slots: int
    first: int
    digits: Digits


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock and what it last said of itself.

    `slots` counts its PIN slots; those below `first_slot` are its masters'.
    """

    id: LockId
    name: str
    model: str = ""
    slots: int = 0
    bolt: Bolt = Bolt.UNKNOWN
    battery: int | None = None
    reachable: bool | None = None
    seen_at: datetime | None = None
    read_back: ReadBack = ReadBack.STATUS
    first_slot: int = 1
    digits: Digits = ASSUMED


class WhenAlone(Enum):
    """What a strike does while line or box are dead, by how it is wired."""

    STAYS_SHUT = "stays_shut"
    OPENS = "opens"


class CommandState(Enum):
    """How far a command is known to have come."""

    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Opening:
    """A lock says that it opened, and by which of its own slots."""

    lock: LockId
    slot: int | None
    source: str
    at: datetime
