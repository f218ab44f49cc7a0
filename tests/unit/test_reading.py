"""What the text of a document's picture says; nothing is guessed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment.model.documents import DocumentKind, Part, Person, Sex, TextLine
from enrolment.rules.reading import expired, fits, numbers, read_document, said
from tests.unit.test_mrz import DUPONT, SPECIMEN

TODAY = date(2026, 11, 22)
# A synthetic card (domain.md §4.1): nobody has this number.
CARD = (
    "姓名租客甲",
    "性别男 民族汉",
    "出生1990年3月15日",
    "住址示范路1号",
    "公民身份号码",
    "330522199003150016",
)


def lines(*texts: str, score: float = 0.99) -> list[TextLine]:
    return [TextLine(each, score) for each in texts]


def changed(place: int, text: str) -> list[TextLine]:
    return lines(*(text if n == place else each for n, each in enumerate(CARD)))


def test_a_resident_card_fills_the_form_in() -> None:
    found = read_document(lines(*CARD), TODAY)
    person = found.person
    assert (person.name, person.number) == ("租客甲", "330522199003150016")
    assert (person.kind, person.sex) == (DocumentKind.RESIDENT_CARD, Sex.MALE)
    assert person.birth == date(1990, 3, 15)
    assert found.unsure == frozenset()


@pytest.mark.parametrize(
    ("read", "unsure"),
    [
        (lines(*CARD, score=0.9), {Part.NAME, Part.NUMBER}),
        (changed(0, "多客甲"), {Part.NAME}),  # the label was not recognised
        (changed(0, "姓名"), {Part.NAME}),
        (changed(1, "性别女 民族汉"), {Part.NUMBER}),
        (changed(2, "出生1990年3月16日"), {Part.NUMBER}),
        (changed(5, "33O522199003150016"), {Part.NUMBER}),
        (changed(5, "330522I9900315OO16"), {Part.NUMBER}),
    ],
)
def test_what_is_not_sure_is_said(read: list[TextLine], unsure: set[Part]) -> None:
    found = read_document(read, TODAY)
    assert found.person.number == "330522199003150016"
    assert found.unsure == unsure


@pytest.mark.parametrize(
    "number",
    [
        "330522199003150017",  # the check digit is wrong
        "33O522199003150017",  # and no confusion mends it
        "330522900315001",  # fifteen digits are no longer valid
        "33052219900315001",
        "OOOBIIOOOBIIOOOBII",
    ],
)
def test_a_number_that_nothing_proves_is_shown_as_it_is_and_unsure(number: str) -> None:
    found = read_document(changed(5, number), TODAY)
    assert found.person.name == "租客甲"
    assert found.person.number in {number, ""}
    assert found.person.birth is None
    assert found.unsure == {Part.NUMBER}


@pytest.mark.parametrize(
    ("words", "number", "kind"),
    [
        ("港澳居民来往内地通行证", "H12345678", DocumentKind.HM_PERMIT),
        ("台湾居民来往大陆通行证", "12345678", DocumentKind.TW_PERMIT),
        (
            "中华人民共和国台湾居民居住证",
            "830000199304251016",
            DocumentKind.RESIDENCE_PERMIT,
        ),
        ("公民身份号码", "81000019880808011X", DocumentKind.RESIDENCE_PERMIT),
        ("外国人永久居留身份证", "911250197607140109", DocumentKind.PERMANENT_RESIDENT),
        ("外国人永久居留身份证", "USA110080022912", DocumentKind.PERMANENT_RESIDENT),
    ],
)
def test_each_kind_of_card_says_what_it_is(
    words: str, number: str, kind: DocumentKind
) -> None:
    found = read_document(lines(words, "姓名", "租客乙", number), TODAY)
    assert (found.person.kind, found.person.number) == (kind, number)
    assert found.person.name == "租客乙"
    proved = kind not in {DocumentKind.HM_PERMIT, DocumentKind.TW_PERMIT}
    assert (Part.NUMBER not in found.unsure) is proved


def test_a_number_without_a_check_digit_is_not_put_right() -> None:
    read = lines("港澳居民来往内地通行证", "姓名租客乙", "HI2345678")
    found = read_document(read, TODAY)
    assert (found.person.number, found.unsure) == ("HI2345678", {Part.NUMBER})


def test_where_nothing_stands_nothing_is_read() -> None:
    assert read_document(lines("no document"), TODAY) is None


def test_a_passport_is_read_by_its_two_lines() -> None:
    first, second = DUPONT.split()
    found = read_document(lines("PASSEPORT", first, second), TODAY)
    assert (found.person.name, found.person.number) == ("DUPONT MARIE", "12AB34567")
    assert found.person.kind is DocumentKind.PASSPORT
    assert found.unsure == frozenset()
    assert found.lines.split() == [first, second]


def test_fillers_that_were_dropped_are_put_back() -> None:
    first, second = DUPONT.split()
    found = read_document(lines(first[:-5], second, score=0.9), TODAY)
    assert found.person.number == "12AB34567"
    assert found.unsure == {Part.NAME}
    found = read_document(lines(first[:-19], second), TODAY)  # as a camera reads it
    assert found.person.name == "DUPONT MARIE"
    assert read_document(lines(first, second[:-15]), TODAY) is None


def test_a_number_counts_whole_and_to_the_last_digit() -> None:
    found = numbers(lines(*CARD))
    assert "330522199003150016" in found
    assert not {"33052219900315001", "30522199003150016"} & found
    long = numbers(lines("E123456784CHN8001019M2501017<<<<<<<<<<<<<<02"))
    assert long == frozenset()


@pytest.mark.parametrize(
    ("kind", "number", "good"),
    [
        (DocumentKind.PASSPORT, "12AB34567", True),
        (DocumentKind.PASSPORT, "01JAN2030", False),  # a date beside it
        (DocumentKind.RESIDENT_CARD, "330522199003150016", True),
        (DocumentKind.TW_PERMIT, "20200101", False),
    ],
)
def test_a_claim_fits_what_the_document_says_as_its_number(
    kind: DocumentKind, number: str, *, good: bool
) -> None:
    text = [*DUPONT.split(), "01JAN2030", "20200101", "330522199003150016"]
    told = said(lines(*text), TODAY)
    assert fits(told, Person("DUPONT MARIE", kind, number)) is good


def test_a_permits_number_is_never_sure() -> None:
    read = lines("台湾居民来往大陆通行证", "姓名租客乙", "20200101-20250101")
    assert Part.NUMBER in read_document(read, TODAY).unsure


@given(st.lists(st.tuples(st.text(max_size=30), st.floats(0, 1)), max_size=8))
def test_no_text_upsets_it(told: list[tuple[str, float]]) -> None:
    read_document([TextLine(*each) for each in told], TODAY)


@given(st.text("0123456789OIBX<HMUSA", min_size=8, max_size=44))
def test_what_is_read_is_good_by_its_own_standard(text: str) -> None:
    found = read_document(lines("外国人永久居留身份证", text), TODAY)
    assert found is None or found.person.kind in {
        DocumentKind.PERMANENT_RESIDENT,
        DocumentKind.PASSPORT,
    }


@pytest.mark.parametrize(
    ("text", "score", "over"),
    [
        ("有效期限2016.11.21-2026.11.21", 0.99, True),
        ("有效期限 2016.11.22 - 2026.11.22", 0.99, False),  # its last day
        ("2016.11.21-2026.11.21", 0.9, False),  # not read for sure
        ("2016.01.01-2026.13.41", 0.99, False),
        ("有效期限2016.11.21-长期", 0.99, False),
        ("出生1990年3月15日", 0.99, False),
    ],
)
def test_a_document_that_surely_is_over_is_said_to_be(
    text: str, score: float, *, over: bool
) -> None:
    assert expired([TextLine(text, score)], TODAY) is over


def test_of_two_times_on_a_picture_the_later_one_counts() -> None:
    both = ["2010.01.01-2020.01.01", "2020.01.01-2030.01.01"]
    assert not expired([TextLine(each) for each in both], TODAY)
    assert expired([TextLine(both[0])], TODAY)


def test_a_passport_whose_lines_prove_that_it_is_over_is_said_to_be() -> None:
    lines = SPECIMEN.split("\n")
    assert expired([TextLine(each) for each in lines], TODAY)
    spoilt = [TextLine(each.replace("1204159", "1204158")) for each in lines]
    assert not expired(spoilt, TODAY)  # nothing is proved
