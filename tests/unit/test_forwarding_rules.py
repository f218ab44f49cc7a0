"""When a delivery is sent, and what an answer makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.model import Answer, Delivery, DeliveryState, Outcome
from cloud_sync.rules import LONGEST_PAUSE, next_in_line, settled
from enrolment.model.leases import RegistrationId
from ledger.ids import TenantId

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST = Delivery(1, RegistrationId("r"), 1, TenantId("t"), "police", NOW)
states = st.sampled_from(DeliveryState)


def test_a_persons_second_version_waits_for_his_first() -> None:
    second = replace(FIRST, sequence=2, version=2)
    assert list(next_in_line([second, FIRST], NOW, set())) == [FIRST]


def test_a_rejected_version_holds_back_the_next() -> None:
    refused = replace(FIRST, state=DeliveryState.REJECTED)
    second = replace(FIRST, sequence=2, version=2)
    assert not list(next_in_line([refused, second], NOW, set()))


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 3), states)))
def test_nobody_ever_has_two_deliveries_on_the_line(rows: list) -> None:
    deliveries = [
        replace(FIRST, sequence=n, tenant=TenantId(str(who)), state=state)
        for n, who, state in rows
    ]
    due = list(next_in_line(deliveries, NOW, {TenantId("0")}))
    tenants = [each.tenant for each in due]
    assert len(set(tenants)) == len(tenants)
    assert TenantId("0") not in tenants


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ACCEPTED, DeliveryState.ACCEPTED),
        (Outcome.REJECTED, DeliveryState.REJECTED),
        (Outcome.LATER, DeliveryState.QUEUED),
        (Outcome.UNKNOWN, DeliveryState.UNKNOWN),
    ],
)
def test_an_answer_settles_a_delivery(outcome: Outcome, state: DeliveryState) -> None:
    assert settled(FIRST, Answer(outcome), NOW, 0.5).state is state


@given(st.integers(0, 200), st.floats(0, 1))
def test_the_pause_has_full_jitter_and_an_end(tries: int, chance: float) -> None:
    after = settled(replace(FIRST, tries=tries), Answer(Outcome.LATER), NOW, chance)
    assert NOW <= after.due <= NOW + LONGEST_PAUSE


def test_a_pause_that_the_station_names_is_kept() -> None:
    after = settled(FIRST, Answer(Outcome.LATER, pause=9.0), NOW, 0.0)
    assert after.due == NOW + timedelta(seconds=9)
