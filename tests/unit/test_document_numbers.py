"""Document numbers: the published examples, and what no number may do."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment.model.documents import DocumentKind as Kind
from enrolment.model.documents import Fault, Person, Sex
from enrolment.rules.documents import (
    check_number,
    normal_name,
    private,
    read_claim,
)

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Kind.RESIDENT_CARD, "330522199003150016"),
        (Kind.RESIDENT_CARD, "341221198511070026"),
        (Kind.RESIDENT_CARD, "52240120010228113X"),
        (Kind.RESIDENT_CARD, "52240120010228113x"),
        (Kind.RESIDENT_CARD, " 330522 19900315 0016 "),
        (Kind.RESIDENT_CARD, "３３０５２２１９９００３１５００１６"),  # noqa: RUF001
        (Kind.RESIDENCE_PERMIT, "81000019880808011X"),
        (Kind.RESIDENCE_PERMIT, "820000197909120229"),
        (Kind.RESIDENCE_PERMIT, "830000199304251016"),
        (Kind.PERMANENT_RESIDENT, "933840198002290016"),
        (Kind.PERMANENT_RESIDENT, "911250197607140109"),
        (Kind.PERMANENT_RESIDENT, "USA110080022912"),
        (Kind.PERMANENT_RESIDENT, "FRA310076071423"),
        (Kind.PERMANENT_RESIDENT, "JPN330091111136"),
        (Kind.HM_PERMIT, "H12345678"),
        (Kind.HM_PERMIT, "H1234567800"),
        (Kind.HM_PERMIT, "HA1234567"),
        (Kind.HM_PERMIT, "ma7654321"),
        (Kind.RESIDENT_CARD, "52240120010228113\u00d7"),
        (Kind.RESIDENT_CARD, "52240120010228113\u0425"),
        (Kind.RESIDENCE_PERMIT, "81000019880808011\u0445"),
        (Kind.TW_PERMIT, "12345678"),
        (Kind.TW_PERMIT, "1234567801"),
        (Kind.PASSPORT, "L898902C3"),
    ],
)
def test_a_number_as_its_standard_writes_it_is_good(kind: Kind, number: str) -> None:
    assert check_number(kind, number, TODAY)


@pytest.mark.parametrize(
    ("kind", "number", "fault"),
    [
        (Kind.RESIDENT_CARD, "330522199003150017", Fault.BAD_CHECK),
        (Kind.RESIDENT_CARD, "330522199002300019", Fault.BAD_BIRTH),
        (Kind.RESIDENT_CARD, "330522900315001", Fault.OLD_15_DIGITS),
        (Kind.RESIDENT_CARD, "", Fault.EMPTY),
        (Kind.RESIDENT_CARD, "33052219900315001", Fault.MALFORMED),
        (Kind.RESIDENT_CARD, "H12345678", Fault.MALFORMED),
        (Kind.RESIDENT_CARD, "L898902C3", Fault.MALFORMED),
        (Kind.RESIDENCE_PERMIT, "330522199003150016", Fault.BAD_AREA),
        (Kind.PERMANENT_RESIDENT, "USA110080022913", Fault.BAD_CHECK),
        (Kind.PERMANENT_RESIDENT, "933840198002290017", Fault.BAD_CHECK),
        (Kind.HM_PERMIT, "X12345678", Fault.MALFORMED),
        (Kind.HM_PERMIT, "HA12345678", Fault.MALFORMED),
        (Kind.HM_PERMIT, "A1234567", Fault.MALFORMED),
        (Kind.TW_PERMIT, "123456789", Fault.MALFORMED),
        (Kind.PASSPORT, "護照", Fault.MALFORMED),
    ],
)
def test_a_wrong_number_says_what_is_wrong(
    kind: Kind, number: str, fault: Fault
) -> None:
    assert check_number(kind, number, TODAY).fault is fault


def test_a_number_tells_birth_sex_and_area() -> None:
    found = check_number(Kind.RESIDENT_CARD, "341221198511070026", TODAY)
    assert (found.birth, found.sex, found.area) == (
        date(1985, 11, 7),
        Sex.FEMALE,
        "341221",
    )


def test_somebody_born_tomorrow_is_refused_today() -> None:
    number = "33052219950620002X"
    found = check_number(Kind.RESIDENT_CARD, number, date(1995, 6, 19))
    assert found.fault is Fault.BORN_LATER


@given(st.sampled_from(Kind), st.text(max_size=40))
def test_no_text_raises(kind: Kind, text: str) -> None:
    check_number(kind, text, TODAY)


@given(st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(place: int, by: int) -> None:
    number = "330522199003150016"
    digit = str((int(number[place]) + by) % 10)
    wrong = number[:place] + digit + number[place + 1 :]
    assert not check_number(Kind.RESIDENT_CARD, wrong, TODAY)


@pytest.mark.parametrize("name", ["王五", "阿卜杜拉·买买提", "Anna O'Neil", "㐂𠮷"])
def test_names_keep_their_letters(name: str) -> None:
    assert normal_name(f" {name} ") == name


@pytest.mark.parametrize("name", ["", "王", "A1", "王\x00五", "x" * 51, "a\nb"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    assert normal_name(name) is None


def test_a_residence_permit_is_one_whatever_kind_was_told() -> None:
    found = check_number(Kind.RESIDENT_CARD, "830000199304251016", TODAY)
    assert (bool(found), found.kind, found.area) == (
        True,
        Kind.RESIDENCE_PERMIT,
        "830000",
    )
    person = Person("租客甲", Kind.RESIDENT_CARD, "830000199304251016")
    told, _ = read_claim(person, TODAY, consents=False)
    assert told.kind is Kind.RESIDENCE_PERMIT


@pytest.mark.parametrize(
    ("number", "area"),
    [
        ("933840198002290016", "330000"),
        ("911250197607140109", "110000"),
        ("931392199111110055", "310000"),
    ],
)
def test_a_permanent_residents_area_is_where_he_was_first_taken_in(
    number: str, area: str
) -> None:
    assert check_number(Kind.PERMANENT_RESIDENT, number, TODAY).area == area


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("王\ue863", "王䶮"),
        ("李\ue844", "李䜣"),
        ("张\ue816", "张\U00020087"),
        ("阿卜杜拉.买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉\uff0e买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉\u30fb买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉\u2024买买提", "阿卜杜拉·买买提"),
        ("\u3000张\u3000三 ", "张 三"),
        ("J. R. Smith", "J. R. Smith"),
        ("'t Hooft", "'t Hooft"),
        ("\u02bbAkahi", "\u02bbAkahi"),
    ],
)
def test_a_name_is_kept_as_registries_write_it(typed: str, name: str) -> None:
    assert normal_name(typed) == name


def test_a_character_that_only_its_own_device_knows_is_no_name() -> None:
    assert normal_name("王\ue000") is None
    assert private("王\ue000")
    assert not private("王\ue863")
    for code in range(0xE815, 0xE865):
        assert not private(chr(code))
