"""Houses, doors, locks, e-keys and what is asked of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

from ledger.clock import Trust
from ledger.ids import TenantId

HouseId = NewType("HouseId", str)
RoomId = NewType("RoomId", str)
DoorId = NewType("DoorId", str)
LockId = NewType("LockId", str)
EKeyId = NewType("EKeyId", str)
TaskId = NewType("TaskId", str)


class DevicesError(Exception):
    """Anything that goes wrong with doors and what hangs on them."""


class LockSilent(DevicesError):
    """The broker or the lock did not answer in time; try again when it is back."""


class BrokerRefused(DevicesError):
    """The broker said no; its access rules must let Lodge publish there."""


class NoFreeSlot(DevicesError):
    """Every PIN slot of the lock is taken; clear one first."""


class UnknownDoor(DevicesError):
    """There is no such door, room or house."""


class LockTaken(DevicesError):
    """The lock hangs on another door already."""


@dataclass(frozen=True, slots=True)
class Landlord:
    """Who lets the house, as a registry wants to know him."""

    account: str
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class House:
    """A rental house."""

    id: HouseId
    name: str
    address: str
    area: str
    landlord: Landlord
    time_zone: str = "Asia/Shanghai"
    std_addr_code: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is let."""

    id: RoomId
    house: HouseId
    name: str


@dataclass(frozen=True, slots=True)
class Door:
    """A door, the lock on it, and the keypad beside it where there is one."""

    id: DoorId
    house: HouseId
    name: str
    lock: LockId
    keypad: str = ""


class Bolt(Enum):
    """What the lock last said of its bolt (Matter LockState)."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    NOT_FULLY_LOCKED = "not_fully_locked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on the broker and what it last said of itself."""

    id: LockId
    name: str
    model: str = ""
    slots: int = 0
    bolt: Bolt = Bolt.UNKNOWN
    battery: int | None = None
    reachable: bool | None = None
    seen_at: datetime | None = None


class KeyState(Enum):
    """The life of an e-key; that it has expired is read off its window."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class EKey:
    """The right of one person to pass one door from one instant to another."""

    id: EKeyId
    door: DoorId
    holder: TenantId
    starts: datetime
    ends: datetime
    state: KeyState = KeyState.PENDING


class CredentialState(Enum):
    """What the lock is known to hold; never more than it has said."""

    WAITING = "waiting"
    WRITING = "writing"
    CONFIRMED = "confirmed"
    CLEARING = "clearing"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Credential:
    """A PIN that stands for an e-key, in a slot of a lock (Matter CredentialStruct)."""

    key: EKeyId
    lock: LockId
    slot: int
    digest: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    state: CredentialState = CredentialState.WAITING
    tries: int = 0
    due: datetime | None = None


class Refusal(Enum):
    """Why a door stays shut."""

    UNKNOWN_KEY = "unknown_key"
    WRONG_DOOR = "wrong_door"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PENDING = "pending"
    TOO_MANY_TRIES = "too_many_tries"


@dataclass(frozen=True, slots=True)
class Unlock:
    """Somebody asks for a door: which, with what, when."""

    door: DoorId
    digest: bytes = field(repr=False)
    asked_at: datetime
    trust: Trust = Trust.SURE


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to an Unlock; true where the door may open."""

    request: Unlock
    key: EKey | None = None
    refusal: Refusal | None = None

    def __bool__(self) -> bool:
        return self.refusal is None


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


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """What happened at a door with somebody's key; for his eyes only."""

    at: datetime
    kind: str
    detail: str


class Incident(Enum):
    """A fact that somebody has to look at."""

    RECORD_FAILED = "record_failed"
    STRANGE_OPENING = "strange_opening"
    LOCK_SILENT = "lock_silent"


class Light(Enum):
    """How a term stands; never shown by colour alone."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class TaskKind(Enum):
    """What somebody has to do."""

    CONFIRM_PERSON = "confirm_person"
    CLEAR_AT_KEYPAD = "clear_at_keypad"
    MEND_REPORT = "mend_report"


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do: for whom, about what, until when."""

    id: TaskId
    kind: TaskKind
    owner: str
    about: str
    opened: datetime
    term: timedelta
    closed: datetime | None = None

    @property
    def due(self) -> datetime:
        """The instant at which the task is overdue."""
        return self.opened + self.term
