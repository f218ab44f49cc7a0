"""E-keys, the credentials that stand for them, and what asking with one brings."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from enum import Enum
from typing import NewType

from devices.model.places import DoorId, LockId
from ledger.clock import Trust
from ledger.ids import TenantId

EKeyId = NewType("EKeyId", str)


class KeyKind(Enum):
    """For what a key was given."""

    LEASE = "lease"
    RECURRING = "recurring"
    ONE_TIME = "one_time"
    VISIT = "visit"
    GUEST = "guest"


class UserType(Enum):
    """What Matter calls the holder of a key (DoorLock UserTypeEnum)."""

    YEAR_DAY_SCHEDULE = "year_day_schedule_user"
    WEEK_DAY_SCHEDULE = "week_day_schedule_user"
    DISPOSABLE = "disposable_user"
    EXPIRING = "expiring_user"


class KeyState(Enum):
    """The life of an e-key; that it has expired is read off its window."""

    PENDING = "pending"
    ACTIVE = "active"
    FROZEN = "frozen"
    REVOKED = "revoked"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class WeekDays:
    """Days of the week (0 is Monday) and the local hours on them.

    Matter's WeekDaySchedule. Hours that close at or before they open run past
    midnight, into a day that need not be named itself.
    """

    days: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class EKey:
    """The right of one person to pass some doors from one instant to another.

    `zone` is the house's, in which its hours are read. `issuer` is the landlord's
    account, or the resident whose guest holds it; `since` the trusted instant at which
    it became active, None where the clock was in doubt then.
    """

    id: EKeyId
    doors: frozenset[DoorId]
    holder: TenantId
    starts: datetime
    ends: datetime
    state: KeyState = KeyState.PENDING
    kind: KeyKind = KeyKind.LEASE
    hours: WeekDays | None = None
    zone: str = "Asia/Shanghai"
    issuer: str = ""
    since: datetime | None = None
    label: bytes = field(repr=False, default=b"")

    @property
    def resident(self) -> bool:
        """Whether its holder lives behind the door."""
        return self.kind is KeyKind.LEASE

    @property
    def user_type(self) -> UserType:
        """What Matter calls its holder."""
        return USER_TYPES[self.kind]


USER_TYPES = {
    KeyKind.LEASE: UserType.YEAR_DAY_SCHEDULE,
    KeyKind.RECURRING: UserType.WEEK_DAY_SCHEDULE,
    KeyKind.ONE_TIME: UserType.DISPOSABLE,
    KeyKind.VISIT: UserType.EXPIRING,
    KeyKind.GUEST: UserType.EXPIRING,
}


class CredentialState(Enum):
    """What the lock is known to hold; never more than it has said.

    `KEPT_HERE` stands at no lock: Lodge judges the PIN itself at a keypad.
    """

    WAITING = "waiting"
    WRITING = "writing"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    CLEARING = "clearing"
    CLEARED = "cleared"
    KEPT_HERE = "kept_here"


class CredentialKind(Enum):
    """What stands for a key (Matter CredentialTypeEnum)."""

    PIN = "pin"
    CARD = "rfid"


class Wish(Enum):
    """What ought to stand at the lock for a key: the PIN, none now, none ever again."""

    HELD = "held"
    RESTS = "rests"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Credential:
    """What stands for an e-key at a lock (Matter CredentialStruct).

    A PIN in a slot, or one kept here and judged at a keypad, as a card always is.
    """

    key: EKeyId
    lock: LockId
    slot: int
    digest: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    state: CredentialState = CredentialState.WAITING
    tries: int = 0
    due: datetime | None = None
    kind: CredentialKind = CredentialKind.PIN


class Refusal(Enum):
    """Why a door stays shut."""

    UNKNOWN_KEY = "unknown_key"
    WRONG_DOOR = "wrong_door"
    NOT_YET = "not_yet"
    OUT_OF_HOURS = "out_of_hours"
    EXPIRED = "expired"
    FROZEN = "frozen"
    REVOKED = "revoked"
    PENDING = "pending"
    USED_UP = "used_up"
    CLOCK_UNSURE = "clock_unsure"
    TOO_MANY_TRIES = "too_many_tries"
    NOT_KEPT = "not_kept"
    ASKED = "asked"
    FORGED = "forged"
    WRONG_HOLDER = "wrong_holder"
    NARROWED = "narrowed"
    STALE = "stale"
    REPLAYED = "replayed"
    LOOKING = "looking"
    FACE_DIFFERS = "face_differs"
    FACE_NOT_SEEN = "face_not_seen"


class Right(Enum):
    """By what right somebody asks for a door.

    With a code, a token that was shown, a key that is held by whoever is signed in; or
    as its landlord, by a resident's word, in an emergency.
    """

    KEY = "key"
    SHOWN = "shown"
    HELD = "held"
    LANDLORD = "landlord"
    AGREED = "agreed"
    EMERGENCY = "emergency"


LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unlock:
    """Somebody asks for a door: which, with what, when.

    `sure_until` is the last instant at which the clock was known to be right;
    `agreed` the resident who gave his word where that is the right, `proven` the key
    whose token was shown by its holder, or that whoever asks holds.
    """

    door: DoorId
    digest: bytes = field(repr=False)
    asked_at: datetime
    trust: Trust = Trust.SURE
    sure_until: datetime = LONG_AGO
    right: Right = Right.KEY
    agreed: TenantId | None = None
    proven: EKeyId | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to an Unlock; true where the door may open."""

    request: Unlock
    key: EKey | None = None
    refusal: Refusal | None = None

    def __bool__(self) -> bool:
        return self.refusal is None

    @property
    def uses_up(self) -> bool:
        """Whether the opening spends the key, which is on disk first."""
        used = self.key is not None and self.key.kind is KeyKind.ONE_TIME
        return used and self.refusal is None
