"""What the text in a document's picture says, and of which part that is not sure."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise, product

from enrolment.model.documents import (
    DocumentKind,
    DocumentText,
    Fault,
    NumberFinding,
    Part,
    Person,
    Said,
    Sex,
    TextLine,
)
from enrolment.rules.documents import (
    PERMIT_AREAS,
    check_number,
    normal_name,
    normal_number,
)
from enrolment.rules.mrz import AS_DIGIT, FILLER, LINE, MrzUnusable
from enrolment.rules.mrz import read as read_lines

# What the recogniser scores below this was wrong now and then on the cards tried.
SURE_FROM = 0.95
NAME, SEX = "姓名", "性别"
SEXES = {"男": Sex.MALE, "女": Sex.FEMALE}
# What permits and cards say in their text that they are; the rest are resident cards.
SAID = {
    "港澳居民来往内地": DocumentKind.HM_PERMIT,
    "台湾居民来往大陆": DocumentKind.TW_PERMIT,
    "永久居留": DocumentKind.PERMANENT_RESIDENT,
}
UNPROVED = {DocumentKind.HM_PERMIT, DocumentKind.TW_PERMIT}
# Fillers that a recogniser drops at the end of a passport's line, and letters in a
# number that may be digits, at most.
DROPPED, CONFUSED = 6, 4
FEWEST_DIGITS, SHORTEST = 7, 8
# From when until when a document is valid, as cards and permits have it.
VALID = re.compile(r"\d{4}\.\d\d\.\d\d[-—~至](?P<until>\d{4}\.\d\d\.\d\d)")
# A run of letters and digits, never a part of a longer one.
WHOLE = r"(?<![A-Z0-9<])[A-Z0-9]{5,20}(?![A-Z0-9<])"


def read_document(lines: Sequence[TextLine], today: date) -> DocumentText | None:
    """Return what a document's picture says of its holder; None where it says nothing.

    Nothing is guessed: a number is sure where its standard's form and check digit hold
    and neither birth date nor sex beside it say otherwise. With O, I and B read as 0, 1
    and 8 where the check digit alone proves it, or as it stands where nothing does, it
    is unsure, and has no birth date in the second case.
    """
    return _passport(lines, today) or _card(lines, today)


def said(lines: Sequence[TextLine], today: date) -> Said:
    """Return the numbers that a document's text says, and no other word of it."""
    found = _passport(lines, today)
    return Said(numbers(lines), found.person.number if found else "")


def expired(lines: Sequence[TextLine], today: date) -> bool:
    """Say whether a document's text surely says that it is valid no longer."""
    sure = (each for each in lines if each.score >= SURE_FROM)
    found = (VALID.search("".join(each.text.split())) for each in sure)
    last = max((_day(each["until"]) for each in found if each), default=date.max)
    feet = (_fault(told, today) for told, _ in _feet(lines))
    return last < today or Fault.EXPIRED in feet


def _fault(told: str, today: date) -> Fault | None:
    """Say what is wrong with two lines; nothing is said to be over unproved."""
    try:
        read_lines(told, today)
    except MrzUnusable as error:
        return error.fault
    return None


def _day(text: str) -> date:
    """Return a day as documents write it; the last one where it is none."""
    try:
        return date(*(int(each) for each in text.split(".")))
    except ValueError:
        return date.max


def fits(said: Said, person: Person) -> bool:
    """Say whether a document's text says the number that somebody claims.

    A passport says it in its two lines alone, where check digits hold; the eight digits
    of a Taiwan permit could be a date, so that a person looks at those.
    """
    match person.kind:
        case DocumentKind.PASSPORT:
            return person.number == said.passport
        case DocumentKind.TW_PERMIT:
            return False
        case _:
            return person.number in said.numbers


def numbers(lines: Sequence[TextLine]) -> frozenset[str]:
    """Return what stands in a text as a number may, each whole to the last digit."""
    words = (re.findall(WHOLE, normal_number(each.text)) for each in lines)
    return frozenset(word for line in words for word in line if re.search(r"\d", word))


def _passport(lines: Sequence[TextLine], today: date) -> DocumentText | None:
    """Read the two lines at a passport's foot (ICAO 9303), where they are there."""
    for told, named in _feet(lines):
        try:
            found = read_lines(told, today)
        except MrzUnusable:
            continue
        unsure = {Part.NAME: not named, Part.NUMBER: not found.sure}
        return DocumentText(found.person, _true(unsure), told)
    return None


def _feet(lines: Sequence[TextLine]) -> Iterator[tuple[str, bool]]:
    """Yield what may be the two lines at a passport's foot.

    And whether they are sure of the name, which has no check digit.
    """
    foot = [each for each in lines if FILLER in each.text]
    for first, second in pairwise(foot):
        told = f"{_padded(first.text, LINE)}\n{_padded(second.text, DROPPED)}"
        yield told, first.score >= SURE_FROM


def _padded(text: str, dropped: int) -> str:
    """Put back fillers that a reader dropped at a line's end, so many at most.

    A long row of them is read as a short one; the name before it is whole all the same.
    """
    line = normal_number(text)
    short = LINE - dropped <= len(line) < LINE and line.endswith(FILLER)
    return line.ljust(LINE, FILLER) if short else line


def _card(lines: Sequence[TextLine], today: date) -> DocumentText | None:
    text = "".join(normal_number(each.text) for each in lines)
    told = next((kind for words, kind in SAID.items() if words in text), None)
    name, named = _name(lines)
    for line in lines:
        if (found := _number(line, told, today)) is None:
            continue
        finding, number, proved = found
        sure = proved and line.score >= SURE_FROM and not _differs(text, finding)
        person = Person(name, finding.kind, number, finding.birth, finding.sex)
        unsure = {Part.NAME: not named, Part.NUMBER: not sure}
        return DocumentText(person, _true(unsure))
    number = max(filter(_like_a_number, numbers(lines)), key=len, default="")
    if not name and not number:
        return None
    person = Person(name, told or DocumentKind.RESIDENT_CARD, number)
    return DocumentText(person, _true({Part.NAME: not named, Part.NUMBER: True}))


def _like_a_number(word: str) -> bool:
    return sum(map(str.isdecimal, word)) >= FEWEST_DIGITS


def _number(
    line: TextLine, told: DocumentKind | None, today: date
) -> tuple[NumberFinding, str, bool] | None:
    """Return a line's number with what it says, and whether it stands there so."""
    words = [
        each
        for each in re.findall(WHOLE, normal_number(line.text))
        if len(each) >= SHORTEST
    ]
    for word in words:
        if found := _known(told, word, today):
            return found, word, told not in UNPROVED
    if told in UNPROVED:
        return None
    for word in words:
        good = [
            (found, each)
            for each in _variants(word)
            if (found := _known(told, each, today))
        ]
        if len(good) == 1:  # more than one would be a guess
            return *good[0], False
    return None


def _variants(word: str) -> Iterator[str]:
    """Yield a number with letters put right that digits are taken for."""
    if sum(char in AS_DIGIT for char in word) > CONFUSED:
        return
    chars = [(char, AS_DIGIT.get(char, char)) for char in word]
    yield from {"".join(each) for each in product(*map(sorted, map(set, chars)))} - {
        word
    }


def _known(told: DocumentKind | None, number: str, today: date) -> NumberFinding | None:
    """Return what a number says, where it is good for the kind that the text says."""
    permit = told is None and number[:6] in PERMIT_AREAS
    other = DocumentKind.RESIDENCE_PERMIT if permit else DocumentKind.RESIDENT_CARD
    found = check_number(told or other, number, today)
    return found or None


def _differs(text: str, found: NumberFinding) -> bool:
    """Say whether birth date or sex beside a number are others than it says."""
    born = re.search(r"(\d{4})年(\d{1,2})月(\d{1,2})日", text)
    day = found.birth
    if born and day and (*map(int, born.groups()),) != (day.year, day.month, day.day):
        return True
    sex = re.search(f"{SEX}([男女])", text)
    told = SEXES[sex[1]] if sex else Sex.UNKNOWN
    return Sex.UNKNOWN not in {told, found.sex} and told is not found.sex


def _name(lines: Sequence[TextLine]) -> tuple[str, bool]:
    """Return the name, or "", and whether it is sure.

    It stands after its label, in the next line, or, where the label was not recognised,
    before the sex.
    """
    texts = ["".join(each.text.split()) for each in lines]
    for place, text in enumerate(texts):
        if text.startswith(NAME):
            there = place + (text == NAME)
            after = texts[there].removeprefix(NAME) if there < len(texts) else ""
            name = None if after.startswith(SEX) else normal_name(after)
            return name or "", name is not None and lines[there].score >= SURE_FROM
    before = (one for one, other in pairwise(texts) if other.startswith(SEX))
    return normal_name(next(before, "")) or "", False


def _true(told: dict[Part, bool]) -> frozenset[Part]:
    return frozenset(part for part, is_so in told.items() if is_so)
