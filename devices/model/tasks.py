"""What happened at doors, and what somebody has to do about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

TaskId = NewType("TaskId", str)


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """What happened at a door with somebody's key; for his eyes only."""

    at: datetime
    kind: str
    detail: str
    door: str = ""
    key: str | None = None


class Incident(Enum):
    """A fact that somebody has to look at; the first nine are Matter's AlarmCodes."""

    LOCK_JAMMED = "lock_jammed"
    LOCK_FACTORY_RESET = "lock_factory_reset"
    LOCK_RADIO_POWER_CYCLED = "lock_radio_power_cycled"
    WRONG_CODE_LIMIT = "wrong_code_entry_limit"
    COVER_REMOVED = "front_escutcheon_removed"
    FORCED_OPEN = "door_forced_open"
    DOOR_AJAR = "door_ajar"
    FORCED_USER = "forced_user"
    TAMPER = "tamper"
    BATTERY_LOW = "battery_low"
    POWER_FAILS = "power_fails"
    READER_FOREIGN = "reader_foreign"
    SMOKE = "smoke"
    GAS = "gas"
    CARBON_MONOXIDE = "carbon_monoxide"
    WATER_LEAK = "water_leak"
    RECORD_FAILED = "record_failed"
    STRANGE_OPENING = "strange_opening"
    LOCK_SILENT = "lock_silent"
    EMERGENCY_OPENING = "emergency_opening"
    NO_SECOND_LOOK = "no_second_look"


class Light(Enum):
    """How a term stands; never shown by colour alone."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class TaskKind(Enum):
    """What somebody has to do."""

    CONFIRM_PERSON = "confirm_person"
    SEE_REGISTERED = "see_registered"
    CLEAR_AT_KEYPAD = "clear_at_keypad"
    MEND_REPORT = "mend_report"
    REPORT_DELAYED = "report_delayed"
    LOOK_AT = "look_at"
    ANSWER_REQUEST = "answer_request"


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do: for whom, about what, until when.

    One that an incident opened (`incident`) closes once its cause is gone and its
    owner has accepted it; the others close when they are done.
    """

    id: TaskId
    kind: TaskKind
    owner: str
    about: str
    opened: datetime
    term: timedelta
    closed: datetime | None = None
    incident: Incident | None = None
    gone: datetime | None = None
    accepted: datetime | None = None
    note: str = field(repr=False, default="")

    @property
    def due(self) -> datetime:
        """The instant at which the task is overdue."""
        return self.opened + self.term
