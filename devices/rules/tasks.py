"""What an incident asks of whom, and how its term stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.model.tasks import Incident, Light, Task

# Yellow from a quarter of the term on (domain.md §1, "Clock rules").
YELLOW_SHARE = 0.25
# A door that stands open for longer is told of (the user's decision, issue "Doors").
AJAR_AFTER = timedelta(minutes=5)
# A camera whose "gone" was lost is believed no longer than this.
THERE_FOR = timedelta(minutes=1)
BATTERY_LOW = 15
BATTERY_GOOD = 25


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when an incident is looked at, and whether those who live there know it.

    A `lasting` one has a cause that must be gone before its task can be closed.
    """

    term: timedelta
    residents: bool = False
    lasting: bool = False


URGENT = timedelta(hours=1)
TODAY = timedelta(hours=24)
WEEK = timedelta(days=7)
# The user's decision (issue "Doors"); an emergency opening is reviewed within 24 hours.
TERMS = {
    Incident.LOCK_JAMMED: Terms(TODAY, residents=True, lasting=True),
    Incident.LOCK_FACTORY_RESET: Terms(TODAY, residents=True),
    Incident.LOCK_RADIO_POWER_CYCLED: Terms(WEEK),
    Incident.WRONG_CODE_LIMIT: Terms(TODAY, residents=True),
    Incident.COVER_REMOVED: Terms(TODAY, residents=True, lasting=True),
    Incident.FORCED_OPEN: Terms(URGENT, residents=True, lasting=True),
    Incident.DOOR_AJAR: Terms(TODAY, residents=True, lasting=True),
    Incident.FORCED_USER: Terms(URGENT, residents=True),
    Incident.TAMPER: Terms(TODAY, residents=True, lasting=True),
    Incident.BATTERY_LOW: Terms(WEEK, residents=True, lasting=True),
    Incident.POWER_FAILS: Terms(TODAY, residents=True, lasting=True),
    Incident.READER_FOREIGN: Terms(TODAY, residents=True, lasting=True),
    Incident.SMOKE: Terms(URGENT, residents=True, lasting=True),
    Incident.GAS: Terms(URGENT, residents=True, lasting=True),
    Incident.CARBON_MONOXIDE: Terms(URGENT, residents=True, lasting=True),
    Incident.WATER_LEAK: Terms(URGENT, residents=True, lasting=True),
    Incident.RECORD_FAILED: Terms(TODAY),
    Incident.STRANGE_OPENING: Terms(TODAY, residents=True),
    Incident.LOCK_SILENT: Terms(TODAY, residents=True, lasting=True),
    Incident.EMERGENCY_OPENING: Terms(TODAY, residents=True),
    Incident.NO_SECOND_LOOK: Terms(WEEK, residents=True),
}


def battery_low(percent: int | None) -> bool | None:
    """Say whether a battery is low; None in between and where it is not known."""
    if percent is None or BATTERY_LOW < percent < BATTERY_GOOD:
        return None
    return percent <= BATTERY_LOW


def light(task: Task, now: datetime) -> Light:
    """Return green, yellow in the last quarter of the term, red when overdue."""
    if now >= task.due:
        return Light.RED
    if task.due - now <= task.term * YELLOW_SHARE:
        return Light.YELLOW
    return Light.GREEN


def may_close(task: Task) -> bool:
    """Say whether a task that an incident opened is done.

    Somebody accepted it, and its cause is gone where it has one that lasts.
    """
    if task.incident is None or task.accepted is None:
        return False
    return task.gone is not None or not TERMS[task.incident].lasting
