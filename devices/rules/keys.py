"""Who may pass, when, and who may take a key away."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from devices.model.keys import (
    EKey,
    KeyState,
    Refusal,
    Right,
    Unlock,
    Verdict,
    WeekDays,
)
from devices.model.places import DoorId
from ledger.clock import Trust

DAY, LEAP = timedelta(days=1), timedelta(hours=1)
WEEK_DAYS = 7
# Who holds a key in one of these lives there; a frozen one is a stop, no departure.
LIVING = frozenset({KeyState.ACTIVE, KeyState.FROZEN})
STATES = {
    KeyState.REVOKED: Refusal.REVOKED,
    KeyState.PENDING: Refusal.PENDING,
    KeyState.FROZEN: Refusal.FROZEN,
    KeyState.USED_UP: Refusal.USED_UP,
}
zone_of = lru_cache(maxsize=64)(ZoneInfo)


def judge(request: Unlock, key: EKey | None) -> Verdict:
    """Say whether the key opens the door it was shown to.

    A clock in doubt shuts out no resident whose key was live when the clock was last
    sure; to everyone else it says so. Nothing opens past an end.
    """
    if key is None:
        return Verdict(request, None, Refusal.UNKNOWN_KEY)
    if request.door not in key.doors:
        return Verdict(request, key, Refusal.WRONG_DOOR)
    if key.state is not KeyState.ACTIVE:
        return Verdict(request, key, STATES[key.state])
    if request.trust is Trust.SURE:
        return Verdict(request, key, _in_time(key, request.asked_at))
    return Verdict(request, key, _in_doubt(key, request.sure_until))


def _in_time(key: EKey, at: datetime) -> Refusal | None:
    if at >= key.ends:
        return Refusal.EXPIRED
    if at < key.starts:
        return Refusal.NOT_YET
    if key.hours is not None and not within(key.hours, key.zone, at):
        return Refusal.OUT_OF_HOURS
    return None


def _in_doubt(key: EKey, sure_until: datetime) -> Refusal | None:
    if sure_until >= key.ends:
        return Refusal.EXPIRED
    known = key.since is not None and key.since <= sure_until
    if key.resident and known and key.starts <= sure_until:
        return None
    return Refusal.CLOCK_UNSURE


def judge_remote(request: Unlock, living: list[EKey]) -> Verdict:
    """Say whether a door opens without a key, given the keys of who lives behind it.

    For its landlord where nobody does; with a resident's word; in an emergency, which
    is on record first.
    """
    match request.right:
        case Right.LANDLORD if living:
            return Verdict(request, None, Refusal.ASKED)
        case Right.AGREED:
            his = [key for key in living if key.holder == request.agreed]
            if not his:
                return Verdict(request, None, Refusal.UNKNOWN_KEY)
            return judge(request, his[0])
        case Right.KEY | Right.SHOWN | Right.HELD:
            return Verdict(request, None, Refusal.UNKNOWN_KEY)
        case _:
            return Verdict(request)


def within(hours: WeekDays, zone: str, at: datetime) -> bool:
    """Say whether an instant lies in the hours, as the clock on the wall shows it.

    Where the wall clock leaps (daylight saving), hours that it leaps over do not
    happen, and hours that it shows twice count both times.
    """
    wall = at.astimezone(zone_of(zone))
    day, now = wall.weekday(), wall.time()
    if hours.opens < hours.closes:
        return day in hours.days and hours.opens <= now < hours.closes
    late = day in hours.days and now >= hours.opens
    early = (day - 1) % 7 in hours.days and now < hours.closes
    return late or early


def ever_opens(hours: WeekDays, zone: str, window: tuple[datetime, datetime]) -> bool:
    """Say whether any of the hours lies in a window: all of them come within a week."""
    starts, ends = window
    wall = starts.astimezone(zone_of(zone))
    days = (wall.date() + DAY * count for count in range(WEEK_DAYS + 1))
    opening = (datetime.combine(day, hours.opens, wall.tzinfo) for day in days)
    # Where the wall clock leaps over an opening, it opens as soon as it has leapt.
    tried = (at + late for at in opening for late in (DAY * 0, LEAP))
    return any(
        starts <= at < ends and within(hours, zone, at) for at in (starts, *tried)
    )


def live(key: EKey, at: datetime) -> bool:
    """Say whether the key opens anything at an instant of a sure clock."""
    return key.state is KeyState.ACTIVE and _in_time(key, at) is None


def over(key: EKey, at: datetime) -> bool:
    """Say whether the key will never open again."""
    dead = key.state in {KeyState.REVOKED, KeyState.USED_UP}
    return dead or at >= key.ends


def lives_there(keys: list[EKey], door: DoorId, at: datetime) -> list[EKey]:
    """Return the keys of those who live behind a door at an instant."""
    return [
        key
        for key in keys
        if key.resident
        and door in key.doors
        and key.starts <= at < key.ends
        and key.state in LIVING
    ]


def openers(
    keys: Iterable[EKey], mine: EKey, at: datetime
) -> list[tuple[str, int, datetime]]:
    """Count who else can open a door, by kind, never who; until when at most."""
    others = [each for each in keys if each.id != mine.id and not over(each, at)]
    kinds = sorted({each.kind.value for each in others})
    return [
        (kind, len(these), max(each.ends for each in these))
        for kind in kinds
        if (these := [each for each in others if each.kind.value == kind])
    ]


def may_stop(key: EKey, by: str, at: datetime, *, agreed: bool) -> bool:
    """Say whether somebody may freeze or revoke a key.

    Its holder and its issuer may, the latter not while a resident's window runs,
    unless that resident agreed or an official paper stands in for him.
    """
    if by == key.holder:
        return True
    if by != key.issuer:
        return False
    return not key.resident or agreed or key.state is KeyState.PENDING or at >= key.ends


def fits_inside(
    window: tuple[datetime, datetime], doors: frozenset[DoorId], key: EKey
) -> bool:
    """Say whether a guest's key is no wider than that of the resident who gives it."""
    starts, ends = window
    narrower = key.starts <= starts < ends <= key.ends and doors <= key.doors
    return narrower and key.resident and key.state is KeyState.ACTIVE
