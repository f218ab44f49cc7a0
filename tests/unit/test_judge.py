"""Who may pass: the rule alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import (
    Credential,
    CredentialState,
    DoorId,
    EKey,
    EKeyId,
    KeyState,
    Light,
    LockId,
    Refusal,
    Task,
    TaskId,
    TaskKind,
    Unlock,
)
from devices.rules import free_slot, judge, light, pause, wanted, weak
from ledger.clock import Trust
from ledger.ids import TenantId

START = datetime(2026, 11, 22, tzinfo=UTC)
END = START + timedelta(days=30)
DOOR = DoorId("door")


def key(**changes) -> EKey:
    told = {
        "id": EKeyId("key"),
        "door": DOOR,
        "holder": TenantId("tenant"),
        "starts": START,
        "ends": END,
        "state": KeyState.ACTIVE,
    }
    return EKey(**{**told, **changes})


def asked(at: datetime, trust: Trust = Trust.SURE) -> Unlock:
    return Unlock(DOOR, b"digest", at, trust)


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
        (key(door=DoorId("other")), START, Refusal.WRONG_DOOR),
        (key(state=KeyState.REVOKED), START, Refusal.REVOKED),
        (key(state=KeyState.PENDING), START, Refusal.PENDING),
        (key(), START - timedelta(microseconds=1), Refusal.NOT_YET),
        (key(), END, Refusal.EXPIRED),
    ],
)
def test_a_refusal_says_why(held: EKey | None, at: datetime, refusal: Refusal) -> None:
    assert judge(asked(at), held).refusal is refusal


def test_a_clock_in_doubt_shuts_no_resident_out() -> None:
    assert judge(asked(START - timedelta(days=400), Trust.UNSURE), key())


def test_a_clock_in_doubt_opens_to_no_ended_key() -> None:
    assert not judge(asked(END, Trust.UNSURE), key())


@pytest.mark.parametrize(
    "pin", ["000000", "123456", "987654", "121212", "112211", "4711", "", "1234567"]
)
def test_easy_pins_are_weak(pin: str) -> None:
    assert weak(pin)


@pytest.mark.parametrize("pin", ["471193", "001107", "135790"])
def test_other_pins_are_good(pin: str) -> None:
    assert not weak(pin)


def test_a_free_slot_is_the_lowest_and_never_the_masters() -> None:
    assert free_slot({1, 2, 4}, 10) == 3
    assert free_slot({1, 2}, 3) is None


@pytest.mark.parametrize(
    ("held", "state", "at", "wish"),
    [
        (key(), CredentialState.WAITING, START, CredentialState.CONFIRMED),
        (key(), CredentialState.CONFIRMED, END, CredentialState.CLEARED),
        (
            key(state=KeyState.REVOKED),
            CredentialState.CONFIRMED,
            START,
            CredentialState.CLEARED,
        ),
        (
            key(),
            CredentialState.WAITING,
            START - timedelta(days=1),
            CredentialState.WAITING,
        ),
        (key(), CredentialState.CLEARING, START, CredentialState.CLEARED),
    ],
)
def test_what_a_lock_ought_to_hold(
    held: EKey, state: CredentialState, at: datetime, wish: CredentialState
) -> None:
    credential = Credential(held.id, LockId("lock"), 1, b"", b"", state)
    assert wanted(credential, held, at) is wish


def test_a_lock_is_told_again_ever_more_rarely() -> None:
    pauses = [pause(tries) for tries in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("after", "shown"), [(0, Light.GREEN), (3, Light.YELLOW), (4, Light.RED)]
)
def test_a_task_shows_how_its_term_stands(after: int, shown: Light) -> None:
    task = Task(
        TaskId("t"),
        TaskKind.CONFIRM_PERSON,
        "owner",
        "about",
        START,
        timedelta(days=4),
    )
    assert light(task, START + timedelta(days=after)) is shown
