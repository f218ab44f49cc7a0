"""Who may pass, and who may take a key away: the rules alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.keys import (
    EKey,
    EKeyId,
    KeyKind,
    KeyState,
    Refusal,
    Right,
    Unlock,
    WeekDays,
)
from devices.model.places import DoorId
from devices.rules.keys import (
    ever_opens,
    fits_inside,
    judge,
    judge_remote,
    may_stop,
    within,
)
from ledger.clock import Trust
from ledger.ids import TenantId

START = datetime(2026, 11, 22, tzinfo=UTC)
END = START + timedelta(days=30)
DOOR = DoorId("door")
TENANT = TenantId("tenant")
CLEANER = WeekDays(frozenset({1}), time(9), time(11))
# Zones that change their clocks: in the north, in the south, and by half an hour.
ZONES = ["Asia/Shanghai", "Europe/Madrid", "America/Santiago", "Australia/Lord_Howe"]
MINUTE = timedelta(minutes=1)


def key(**changes) -> EKey:
    told = {
        "id": EKeyId("key"),
        "doors": frozenset({DOOR, DoorId("street")}),
        "holder": TENANT,
        "starts": START,
        "ends": END,
        "state": KeyState.ACTIVE,
        "issuer": "landlord",
        "since": START,
    }
    return EKey(**{**told, **changes})


def asked(at: datetime, trust: Trust = Trust.SURE, sure_until=None) -> Unlock:
    return Unlock(DOOR, b"digest", at, trust, sure_until or at)


@given(st.timedeltas(timedelta(days=-60), timedelta(days=90)))
def test_an_active_key_opens_inside_its_window_and_never_outside(
    after: timedelta,
) -> None:
    at = START + after
    assert bool(judge(asked(at), key())) == (START <= at < END)


@pytest.mark.parametrize(
    ("held", "at", "refusal"),
    [
        (None, START, Refusal.UNKNOWN_KEY),
        (key(doors=frozenset({DoorId("other")})), START, Refusal.WRONG_DOOR),
        (key(state=KeyState.REVOKED), START, Refusal.REVOKED),
        (key(state=KeyState.PENDING), START, Refusal.PENDING),
        (key(state=KeyState.FROZEN), START, Refusal.FROZEN),
        (key(state=KeyState.USED_UP), START, Refusal.USED_UP),
        (key(), START - timedelta(microseconds=1), Refusal.NOT_YET),
        (key(), END, Refusal.EXPIRED),
        (key(hours=CLEANER), START, Refusal.OUT_OF_HOURS),
    ],
)
def test_a_refusal_says_why(held: EKey | None, at: datetime, refusal: Refusal) -> None:
    assert judge(asked(at), held).refusal is refusal


def test_a_cleaner_comes_on_tuesdays_from_nine_to_eleven() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    for at, opens in [
        (datetime(2026, 11, 24, 8, 59, 59, tzinfo=zone), False),
        (datetime(2026, 11, 24, 9, tzinfo=zone), True),
        (datetime(2026, 11, 24, 10, 59, 59, tzinfo=zone), True),
        (datetime(2026, 11, 24, 11, tzinfo=zone), False),
        (datetime(2026, 11, 25, 10, tzinfo=zone), False),
    ]:
        assert bool(judge(asked(at), key(hours=CLEANER))) is opens


def brute_force(hours: WeekDays, zone: str, day: date) -> set[datetime]:
    """Say by the wall clock, minute by minute of a day and the next, when it is open.

    The oracle goes the other way round than the rule: from every minute that the wall
    clock could show to the instants, none, one or two, at which it does show it.
    """
    found = set()
    for minute in range(2 * 24 * 60):
        shown = datetime.combine(day, time()) + minute * MINUTE
        on_day, now = shown.date() == day, shown.time()
        if hours.opens < hours.closes:
            open_ = on_day and hours.opens <= now < hours.closes
        else:
            open_ = now >= hours.opens if on_day else now < hours.closes
        if not open_ or day.weekday() not in hours.days:
            continue
        for fold in (0, 1):
            local = shown.replace(tzinfo=ZoneInfo(zone), fold=fold)
            at = local.astimezone(UTC)
            if at.astimezone(local.tzinfo).replace(tzinfo=None) == shown:
                found.add(at)
    return found


@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(
        [date(2026, month, day) for month in (3, 4, 9, 10) for day in range(1, 31)]
    ),
    days=st.frozensets(st.integers(0, 6)),
    opens=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    closes=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_hours_are_those_of_the_clock_on_the_wall(
    zone: str, day: date, days: frozenset[int], opens: time, closes: time
) -> None:
    hours = WeekDays(days, opens, closes)
    expected = set()
    for before in (-1, 0, 1):
        expected |= brute_force(hours, zone, day + timedelta(days=before))
    first = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    for minute in range(0, 24 * 60, 7):
        at = first + minute * MINUTE
        assert within(hours, zone, at) == (at in expected)


@pytest.mark.parametrize("zone", ZONES)
def test_both_changes_of_the_clock_are_decided_to_the_minute(zone: str) -> None:
    night = WeekDays(frozenset(range(7)), time(1, 30), time(3))
    first = datetime(2026, 1, 1, tzinfo=UTC)
    walls = [first + hour * timedelta(hours=1) for hour in range(365 * 24)]
    offsets = [at.astimezone(ZoneInfo(zone)).utcoffset() for at in walls]
    changes = [walls[n] for n in range(1, len(walls)) if offsets[n] != offsets[n - 1]]
    assert len(changes) == (0 if zone == "Asia/Shanghai" else 2)
    for change in changes:
        day = change.astimezone(ZoneInfo(zone)).date()
        expected = set()
        for before in (-1, 0, 1):
            expected |= brute_force(night, zone, day + timedelta(days=before))
        for minute in range(-240, 240):
            at = change + minute * MINUTE
            assert within(night, zone, at) == (at in expected)


def test_a_clock_in_doubt_shuts_out_no_resident_who_was_in() -> None:
    doubt = asked(START - timedelta(days=400), Trust.UNSURE, START + timedelta(days=1))
    assert judge(doubt, key())


@pytest.mark.parametrize(
    "held",
    [
        key(kind=KeyKind.VISIT),
        key(kind=KeyKind.ONE_TIME),
        key(kind=KeyKind.RECURRING, hours=CLEANER),
        key(kind=KeyKind.GUEST),
        key(since=None),
        key(since=START + timedelta(days=2)),
        key(starts=START + timedelta(days=2)),
    ],
)
def test_a_clock_in_doubt_opens_to_nobody_else_and_says_so(held: EKey) -> None:
    doubt = asked(START + timedelta(days=3), Trust.UNSURE, START + timedelta(days=1))
    assert judge(doubt, held).refusal is Refusal.CLOCK_UNSURE


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(list(KeyKind)))
def test_no_clock_opens_past_an_end_that_is_known_to_have_passed(
    at: datetime, kind: KeyKind
) -> None:
    assert not judge(asked(at, Trust.UNSURE, END), key(kind=kind))


@pytest.mark.parametrize(
    ("held", "by", "at", "agreed", "may"),
    [
        (key(), "landlord", START, False, False),
        (key(), "landlord", START, True, True),
        (key(), "landlord", END, False, True),
        (key(state=KeyState.PENDING), "landlord", START, False, True),
        (key(), TENANT, START, False, True),
        (key(), "another landlord", END, True, False),
        (key(kind=KeyKind.VISIT), "landlord", START, False, True),
        (key(kind=KeyKind.GUEST, issuer="resident"), "landlord", START, True, False),
        (key(kind=KeyKind.GUEST, issuer="resident"), "resident", START, False, True),
    ],
)
def test_who_may_stop_a_key(held, by, at, agreed, may) -> None:
    assert may_stop(held, by, at, agreed=agreed) is may


@pytest.mark.parametrize(
    ("right", "living", "refusal"),
    [
        (Right.LANDLORD, [], None),
        (Right.LANDLORD, [key()], Refusal.ASKED),
        (Right.AGREED, [key()], None),
        (Right.AGREED, [key(holder=TenantId("roommate"))], Refusal.UNKNOWN_KEY),
        (Right.AGREED, [key(state=KeyState.FROZEN)], Refusal.FROZEN),
        (Right.EMERGENCY, [key()], None),
        (Right.KEY, [key()], Refusal.UNKNOWN_KEY),
    ],
)
def test_a_door_opens_from_afar_by_right(right, living, refusal) -> None:
    request = replace(asked(START), right=right, agreed=TENANT)
    assert judge_remote(request, living).refusal is refusal


@given(
    st.timedeltas(timedelta(days=-5), timedelta(days=35)),
    st.timedeltas(timedelta(days=-5), timedelta(days=35)),
    st.sets(st.sampled_from(["door", "street", "other"]), min_size=1),
)
def test_a_guests_key_is_never_wider_than_its_givers(after, until, doors) -> None:
    window = (START + after, START + until)
    inside = START <= window[0] < window[1] <= END
    wanted = inside and doors <= {"door", "street"}
    assert fits_inside(window, frozenset(map(DoorId, doors)), key()) is wanted


def test_nobody_gives_a_guest_what_his_frozen_key_does_not_open() -> None:
    held = key(state=KeyState.FROZEN)
    assert not fits_inside((START, END), frozenset({DOOR}), held)


WEEKEND = WeekDays(frozenset({5, 6}), time(9), time(11))
NIGHT = WeekDays(frozenset({4}), time(22), time(6))


@pytest.mark.parametrize(
    ("hours", "starts", "length", "opens"),
    [
        # 2026-11-30 is a Monday.
        (WEEKEND, "2026-11-30T00:00+08:00", timedelta(days=5), False),
        (WEEKEND, "2026-11-30T00:00+08:00", timedelta(days=6), True),
        (WEEKEND, "2026-12-05T10:59+08:00", timedelta(minutes=1), True),
        (WEEKEND, "2026-12-05T11:00+08:00", timedelta(hours=22), False),
        (NIGHT, "2026-12-05T05:00+08:00", timedelta(hours=1), True),
        (NIGHT, "2026-12-05T06:00+08:00", timedelta(hours=5), False),
    ],
)
def test_a_key_whose_hours_never_come_is_known_beforehand(
    hours: WeekDays,
    starts: str,
    length: timedelta,
    opens: bool,  # noqa: FBT001
) -> None:
    begins = datetime.fromisoformat(starts)
    assert ever_opens(hours, "Asia/Shanghai", (begins, begins + length)) is opens


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.times(),
    st.times(),
    st.integers(0, 200),
    st.integers(1, 200),
)
def test_it_is_said_to_open_where_some_minute_does(
    days, opens, closes, begins, lasts
) -> None:
    hours = WeekDays(
        frozenset(days),
        opens.replace(second=0, microsecond=0, minute=0),
        closes.replace(second=0, microsecond=0, minute=0),
    )
    start = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(hours=begins)
    end = start + timedelta(hours=lasts)
    zone = "Europe/Berlin"  # where the clock leaps in these days
    minutes = range(0, lasts * 60, 30)
    some = any(within(hours, zone, start + timedelta(minutes=m)) for m in minutes)
    assert ever_opens(hours, zone, (start, end)) is some
