"""PINs, slots and terms: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.keys import Credential, CredentialState, EKey, KeyKind, KeyState
from devices.model.locks import Digits
from devices.model.places import LockId
from devices.model.tasks import Incident, Light, Task, TaskId, TaskKind
from devices.rules.pins import free_slot, heard, length, next_step, pause, weak
from devices.rules.tasks import TERMS, light, may_close
from tests.unit.test_key_rules import CLEANER, END, START, key

SECOND = timedelta(seconds=1)
STATE = CredentialState


@pytest.mark.parametrize(
    "pin",
    [
        "000000",
        "123456",
        "987654",
        "121212",
        "112211",
        "471471",
        "900315",
        "150390",
        "031590",
        "471",
        "",
        "1234567",
        "12345x",
        "４７１１９３",  # noqa: RUF001 - that other digits look like ours is the point
    ],
)
def test_easy_pins_are_weak(pin: str) -> None:
    assert weak(pin)


@pytest.mark.parametrize("pin", ["471193", "004786", "974680"])
def test_other_pins_are_good(pin: str) -> None:
    assert not weak(pin)


def test_a_free_slot_is_the_lowest_and_never_the_masters() -> None:
    assert free_slot({1, 2, 4}, 10) == 3
    assert free_slot({1, 2}, 3) is None
    assert free_slot(set(range(1, 249)), 250) == 249


@pytest.mark.parametrize(
    ("held", "state", "at", "after"),
    [
        (key(), STATE.WAITING, START, STATE.WRITING),
        (key(), STATE.CONFIRMED, START, STATE.CONFIRMED),
        (key(), STATE.CONFIRMED, END, STATE.CLEARING),
        (key(), STATE.WAITING, END, STATE.CLEARED),
        (key(), STATE.WAITING, START - SECOND, STATE.WAITING),
        (key(), STATE.CLEARING, START, STATE.CLEARING),
        (key(), STATE.KEPT_HERE, END, STATE.KEPT_HERE),
        (key(state=KeyState.REVOKED), STATE.CONFIRMED, START, STATE.CLEARING),
        (key(state=KeyState.USED_UP), STATE.UNCONFIRMED, START, STATE.CLEARING),
        (key(state=KeyState.FROZEN), STATE.CONFIRMED, START, STATE.CLEARING),
        (key(state=KeyState.FROZEN), STATE.WAITING, START, STATE.WAITING),
        (key(hours=CLEANER), STATE.CONFIRMED, START, STATE.CLEARING),
        (key(hours=CLEANER), STATE.WAITING, START, STATE.WAITING),
        (
            key(hours=CLEANER),
            STATE.WAITING,
            datetime(2026, 11, 24, 1, tzinfo=UTC),
            STATE.WRITING,
        ),
    ],
)
def test_what_a_lock_is_told_next(held: EKey, state, at: datetime, after) -> None:
    credential = Credential(held.id, LockId("lock"), 1, b"", b"", state)
    assert next_step(credential, held, at) is after


@pytest.mark.parametrize(
    ("state", "held", "ended", "after"),
    [
        (STATE.WRITING, True, False, STATE.CONFIRMED),
        (STATE.WRITING, False, False, STATE.WRITING),
        (STATE.CLEARING, False, True, STATE.CLEARED),
        (STATE.CLEARING, False, False, STATE.WAITING),
        (STATE.CLEARING, True, True, STATE.CLEARING),
        (STATE.CONFIRMED, False, False, STATE.WAITING),
        (STATE.WAITING, True, False, STATE.WAITING),
    ],
)
def test_only_the_lock_says_what_it_holds(state, held, ended, after) -> None:
    assert heard(state, held=held, ended=ended) is after


@given(
    st.sampled_from(list(STATE)),
    st.sampled_from(list(KeyState)),
    st.sampled_from(list(KeyKind)),
    st.timedeltas(timedelta(days=-5), timedelta(days=40)),
)
def test_from_every_state_an_obedient_lock_gets_to_rest(
    state, life, kind, after
) -> None:
    hours = CLEANER if kind is KeyKind.RECURRING else None
    held, at = key(state=life, kind=kind, hours=hours), START + after
    credential = Credential(held.id, LockId("lock"), 1, b"", b"", state)
    full = state in {STATE.CONFIRMED, STATE.UNCONFIRMED}
    for _ in range(6):
        step = next_step(credential, held, at)
        full = {STATE.WRITING: True, STATE.CLEARING: False}.get(step, full)
        ended = life in {KeyState.REVOKED, KeyState.USED_UP} or at >= held.ends
        said = heard(step, held=full, ended=ended)
        credential = Credential(held.id, LockId("lock"), 1, b"", b"", said)
    assert credential.state not in {STATE.WRITING, STATE.CLEARING}
    assert next_step(credential, held, at) is credential.state


def test_a_lock_is_told_again_ever_more_rarely() -> None:
    pauses = [pause(tries) for tries in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(minutes=10)


def task(**changes) -> Task:
    told = (TaskId("t"), TaskKind.LOOK_AT, "owner", "about", START, timedelta(days=4))
    return Task(*told, **changes)


@pytest.mark.parametrize(
    ("after", "shown"), [(0, Light.GREEN), (3, Light.YELLOW), (4, Light.RED)]
)
def test_a_task_shows_how_its_term_stands(after: int, shown: Light) -> None:
    assert light(task(), START + timedelta(days=after)) is shown


@pytest.mark.parametrize("incident", list(Incident))
def test_an_alarm_closes_once_it_is_accepted_and_its_cause_is_gone(incident) -> None:
    assert not may_close(task(incident=incident))
    assert not may_close(task(incident=incident, gone=START))
    accepted = task(incident=incident, accepted=START)
    assert may_close(accepted) is not TERMS[incident].lasting
    assert may_close(task(incident=incident, accepted=START, gone=START))


@pytest.mark.parametrize(
    "pin", ["1990", "2008", "0412", "3112", "1212", "1234", "12121212"]
)
def test_short_and_long_pins_are_weak_for_the_same_reasons(pin: str) -> None:
    assert weak(pin)


def test_a_four_digit_pin_that_says_nothing_is_not_weak() -> None:
    assert not weak("4793")
    assert not weak("00479318")


@pytest.mark.parametrize(
    ("locks", "digits"),
    [
        ([], 6),
        ([Digits(4, 8)], 6),
        ([Digits(4, 4)], 4),
        ([Digits(4, 4), Digits(4, 11)], 4),
        ([Digits(7, 8), Digits(4, 11)], 7),
        ([Digits(4, 4), Digits(6, 6)], None),
        ([Digits(8, 10)], None),
    ],
)
def test_a_pin_has_a_length_that_every_lock_takes(locks, digits) -> None:
    assert length(locks) == digits
