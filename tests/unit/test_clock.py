"""How far the machine's clock is believed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ledger.clock import SystemClock, Trust

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
YEARS = timedelta(days=3652)


@dataclass
class Machine:
    wall: datetime = NOW
    ticks: float = 0.0

    def clock(self) -> SystemClock:
        found = SystemClock(lambda: self.wall, lambda: self.ticks)
        found.witness(self.wall)
        return found

    def passes(self, by: timedelta) -> None:
        self.wall += by
        self.ticks += by.total_seconds()


def test_a_clock_that_runs_is_sure_however_long() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(100):
        machine.passes(timedelta(days=3))
        assert clock.trust is Trust.SURE
        assert clock.now() == machine.wall


@pytest.mark.parametrize("leap", [YEARS, -YEARS, timedelta(days=1, hours=1)])
def test_a_clock_that_leaps_is_in_doubt_and_time_goes_on(leap: timedelta) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(timedelta(hours=1))
    machine.wall += leap
    assert clock.trust is Trust.UNSURE
    machine.ticks += 60
    assert clock.now() == NOW + timedelta(hours=1, minutes=1)
    assert clock.sure_until <= clock.now()


def test_a_clock_set_back_by_an_hour_never_falls_below_what_has_passed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(timedelta(hours=5))
    before = clock.now()
    machine.wall -= timedelta(hours=1)
    assert clock.trust is Trust.UNSURE
    assert clock.now() >= before


def test_doubt_ends_when_the_clock_is_right_again() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += YEARS
    assert clock.trust is Trust.UNSURE
    machine.wall -= YEARS
    assert clock.trust is Trust.SURE


def test_a_leap_forward_is_believed_once_somebody_confirms_it() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(days=30)
    clock.confirm(NOW)
    assert clock.trust is Trust.UNSURE
    clock.confirm(machine.wall)
    assert clock.trust is Trust.SURE
    assert clock.now() == machine.wall


def test_a_box_without_a_clock_battery_starts_where_its_ledger_ends() -> None:
    machine = Machine(wall=datetime(1970, 1, 1, tzinfo=UTC))
    clock = SystemClock(lambda: machine.wall, lambda: machine.ticks)
    clock.witness(NOW)
    assert clock.trust is Trust.UNSURE
    assert clock.now() == NOW


def test_a_box_that_was_off_for_a_week_waits_for_a_word() -> None:
    machine = Machine(wall=NOW + timedelta(days=7))
    clock = SystemClock(lambda: machine.wall, lambda: machine.ticks)
    clock.witness(NOW)
    assert clock.trust is Trust.UNSURE
    clock.confirm(NOW + timedelta(days=7, seconds=2))
    assert clock.trust is Trust.SURE
