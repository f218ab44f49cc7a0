"""Leases that clash, faces that match, people who may be erased."""

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.keys import EKeyId
from devices.model.places import HouseId, RoomId
from enrolment.model.documents import DocumentKind
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import Lease, LeaseId, RegistrationId, Stage
from enrolment.rules.documents import age, normal_name
from enrolment.rules.faces import assess
from enrolment.rules.leases import clashes, may_erase
from gateway.web.document import DocumentForm
from ledger.ids import TenantId

START = datetime(2026, 11, 22, tzinfo=UTC)
days = st.integers(0, 40)
# What the field of a name takes, as a browser counts (claim_fields.html).
FORM_TAKES = 100


def lease(first: int, last: int, **changes) -> Lease:
    told = {
        "id": LeaseId(f"{first}-{last}"),
        "house": HouseId("h"),
        "room": RoomId("r"),
        "tenant": TenantId("t"),
        "key": EKeyId("k"),
        "registration": RegistrationId("x"),
        "starts": START + timedelta(days=first),
        "ends": START + timedelta(days=last),
    }
    return Lease(**{**told, **changes})


@given(days, days, days, days)
def test_leases_of_a_room_clash_exactly_when_they_share_a_day(
    a: int, b: int, c: int, d: int
) -> None:
    one, other = lease(a, a + b + 1), lease(c, c + d + 1)
    shared = set(range(a, a + b + 1)) & set(range(c, c + d + 1))
    assert clashes(one, [other]) == bool(shared)


def test_another_room_or_an_ended_lease_does_not_clash() -> None:
    assert not clashes(lease(0, 9), [lease(0, 9, room=RoomId("other"))])
    assert not clashes(lease(0, 9), [lease(0, 9, stage=Stage.LEFT)])


@pytest.mark.parametrize(
    ("similarity", "verdict"),
    [
        (1.0, FaceVerdict.SAME),
        (0.45, FaceVerdict.SAME),
        (0.449, FaceVerdict.DOUBT),
        (0.38, FaceVerdict.DOUBT),
        (0.379, FaceVerdict.DIFFERENT),
        (-1.0, FaceVerdict.DIFFERENT),
    ],
)
def test_a_similarity_means_what_its_measured_errors_say(
    similarity: float, verdict: FaceVerdict
) -> None:
    assert assess(similarity) is verdict


@pytest.mark.parametrize(
    ("stage", "after", "duty", "goes"),
    [
        (Stage.LEFT, 30, False, True),
        (Stage.LEFT, 29, False, False),
        (Stage.LEFT, 30, True, False),
        (Stage.REGISTERED, 300, False, False),
        (Stage.ERASED, 300, False, False),
    ],
)
def test_d6_an_open_duty_beats_deletion(
    stage: Stage, after: int, *, duty: bool, goes: bool
) -> None:
    gone = lease(0, 9, stage=stage, left_at=START)
    now = START + timedelta(days=after)
    assert may_erase(gone, now, timedelta(days=30), duty_open=duty) == goes


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("租客甲", True),
        ("阿不都·克里木", True),
        ("\U00030000\U000313ff", True),  # rare ideographs, the second of Unicode 15
        ("O'Brien-Núñez, María José", True),
        ("  Ngô Thị Hồng  ", True),
        ("甲", False),
        ("甲" * 50, True),
        ("甲" * 51, False),
        ("甲乙\x00", False),
        ("甲乙\u202e", False),
        ("甲乙3", False),
        ("甲乙☺", False),
        ("", False),
    ],
)
def test_a_name_is_what_stands_on_a_document(name: str, *, good: bool) -> None:
    assert (normal_name(name) is not None) is good


def test_a_name_is_kept_in_one_form() -> None:
    assert normal_name("Ngo\u0302 Thi\u0323") == "Ngô Thị"


@pytest.mark.parametrize("dot", "·•‧∙⋅・･")
def test_the_dot_within_a_name_is_the_one_that_cards_write(dot: str) -> None:
    assert normal_name(f"阿卜杜拉{dot}买买提") == "阿卜杜拉\u00b7买买提"


@pytest.mark.parametrize(
    "name",
    [
        "\U00030000" * 50,  # two units each to a browser
        unicodedata.normalize("NFD", "Nguyễn Thị Hồng Phượng Nguyễn Thị Hồng Phượn"),
    ],
)
def test_the_form_takes_every_name_that_may_be_one(name: str) -> None:
    assert normal_name(name)
    told = DocumentForm(name=name, kind=DocumentKind.PASSPORT, number="X12345")
    assert told.named
    assert len(normal_name(name).encode("utf-16-le")) // 2 <= FORM_TAKES


@pytest.mark.parametrize(
    ("birth", "years"),
    [
        (date(2012, 11, 25), 14),
        (date(2012, 11, 26), 13),
        (date(2012, 2, 29), 14),
        (date(2026, 11, 25), 0),
    ],
)
def test_f5_an_age_is_counted_in_birthdays(birth: date, years: int) -> None:
    assert age(birth, date(2026, 11, 25)) == years
