"""Wrong tries: how pauses grow, and that time alone forgives them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.attempts import Limit, Tries, after_wrong, shut

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
LIMIT = Limit()


def test_wrong_codes_cost_a_pause_that_grows_and_has_an_end() -> None:
    tries, at = Tries(), START
    for _ in range(LIMIT.free - 1):
        tries = after_wrong(tries, at, LIMIT)
    assert not shut(tries, at)
    pauses = []
    for _ in range(12):
        tries = after_wrong(tries, at, LIMIT)
        pauses.append(tries.shut_until - at)
        assert shut(tries, at)
        at = tries.shut_until
        assert not shut(tries, at)
    assert pauses[:3] == [LIMIT.first, LIMIT.first * 2, LIMIT.first * 4]
    assert max(pauses) == LIMIT.longest
    assert pauses[-1] >= LIMIT.longest / 2  # some were forgiven meanwhile


def test_wrong_codes_are_forgiven_one_by_one_as_time_passes() -> None:
    tries = Tries(12, START, START)
    assert after_wrong(tries, START + timedelta(hours=1), LIMIT).wrong == 8
    assert after_wrong(tries, START + timedelta(hours=9), LIMIT).wrong == 1
    for number in range(1, 21):  # what was waited towards the next one counts on
        at = START + number * timedelta(minutes=18)
        tries = after_wrong(tries, at, LIMIT)
    assert tries.wrong <= 3


def test_a_clock_set_back_does_not_shut_anything_for_years() -> None:
    tries = Tries(9, START, START + timedelta(minutes=5))
    assert not shut(tries, START - timedelta(days=4000))
    assert after_wrong(tries, START - timedelta(days=4000), LIMIT).wrong == 10


@given(st.lists(st.integers(0, 3600), max_size=400))
def test_whoever_tries_for_days_gets_few_tries(waits: list[int]) -> None:
    """However tries are spread: so many free ones, one for each that is forgiven."""
    tries, at, made = Tries(), START, 0
    for seconds in waits:
        at += timedelta(seconds=seconds)
        if not shut(tries, at):
            tries = after_wrong(tries, at, LIMIT)
            made += 1
    # Pauses grow to the longest within ten tries; then one a longest pause at most.
    assert made <= 2 * LIMIT.free + (at - START) / LIMIT.forgives + 1
