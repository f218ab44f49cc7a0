"""The two lines at the foot of a passport (ICAO 9303 part 4, TD3)."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from enrolment.model.documents import DocumentKind, Fault, Person, Sex
from enrolment.rules.documents import normal_number
from enrolment.rules.names import latin, same_name

LINE = 44
WEIGHTS = (7, 3, 1)
FILLER = "<"
# What readers take for each other; changed only where a check digit proves it, or where
# nothing else can stand. A date has no letters, and a name no digits (ICAO 9303 part 3,
# 4.6); in a number each could be either.
AS_DIGIT = {"O": "0", "I": "1", "B": "8"}
IN_DATES = AS_DIGIT | {"Q": "0", "D": "0", "L": "1", "Z": "2", "S": "5", "G": "6"}
AS_LETTER = {"0": "O", "1": "I", "8": "B"}
IN_NAMES = AS_LETTER | {"2": "Z", "5": "S", "6": "G"}
SEXES = {"M": Sex.MALE, "F": Sex.FEMALE}
# Number, birth, expiry and the whole: where they lie, and where their check digits.
NUMBER, BIRTH, EXPIRY, OPTIONAL = (0, 9), (13, 19), (21, 27), (28, 42)


class MrzUnusable(Exception):
    """The lines are not a passport's, or not a good one's."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Passport:
    """What the lines say; `sure` is false where something was repaired.

    A name that fills its line may have been `cut`.
    """

    surname: str = field(repr=False)
    given: str = field(repr=False)
    number: str = field(repr=False)
    nationality: str
    birth: date = field(repr=False)
    sex: Sex
    until: date
    sure: bool
    cut: bool

    @property
    def person(self) -> Person:
        """Return whom the lines name; surname first, as they have it."""
        name = f"{self.surname} {self.given}".strip()
        kind = DocumentKind.PASSPORT
        return Person(name, kind, self.number, self.birth, self.sex, latin=name)


def read(text: str, today: date) -> Passport:
    """Read both lines, however they were typed or recognised.

    Raises MrzUnusable with what is wrong, a passport that has expired among it.
    """
    told, second = _lines(text)
    first = "".join(IN_NAMES.get(char, char) for char in told)
    if not first.startswith("P"):
        raise MrzUnusable(Fault.MRZ_KIND)
    repaired = _repaired(second)
    names = first[5:].split("<<", 1)
    surname, given = (part.replace(FILLER, " ").strip() for part in (*names, "")[:2])
    if not surname:
        raise MrzUnusable(Fault.MRZ_LINES)
    until = _date(repaired[slice(*EXPIRY)], today, past=False)
    if until < today:
        raise MrzUnusable(Fault.EXPIRED)
    return Passport(
        surname,
        given,
        repaired[slice(*NUMBER)].rstrip(FILLER),
        _letters(repaired[10:13]).rstrip(FILLER),
        _date(repaired[slice(*BIRTH)], today, past=True),
        SEXES.get(repaired[20], Sex.UNKNOWN),
        until,
        sure=(first, repaired) == (told, second),
        cut=not first.endswith(FILLER),
    )


def with_lines(person: Person, text: str, today: date) -> Person:
    """Add what a passport's lines say of its holder, where they are his number's.

    Of a birth date they have two digits of the year: who is older than a hundred says
    so. Of a long name they have the beginning.
    """
    found = _his(person, text, today)
    if found is None:
        return person
    birth, told = person.birth, found.person
    older = birth is not None and f"{birth:%y%m%d}" == f"{found.birth:%y%m%d}"
    return replace(
        person,
        birth=birth if older else found.birth,
        sex=found.sex,
        latin=person.latin or (latin(person.name) if found.cut else told.name),
    )


def other_name(person: Person, text: str, today: date) -> bool:
    """Say whether a passport's lines name somebody else than his name in Latin letters.

    No check digit proves a name: whoever compares both says which is right.
    """
    found = _his(person, text, today)
    if found is None or found.cut or not latin(person.name):
        return False
    return not same_name(person.name, found.person.name)


def _his(person: Person, text: str, today: date) -> Passport | None:
    """Return what lines say, where they are those of a person's passport."""
    if person.kind is not DocumentKind.PASSPORT or not text:
        return None
    try:
        found = read(text, today)
    except MrzUnusable:
        return None
    return found if found.number == normal_number(person.number) else None


def check_digit(text: str) -> str:
    """Return the check digit of a part (weights 7, 3, 1)."""
    return str(sum(_value(c) * WEIGHTS[n % 3] for n, c in enumerate(text)) % 10)


def _lines(text: str) -> tuple[str, str]:
    folded = unicodedata.normalize("NFKC", text).upper()
    lines = [re.sub(r"[^A-Z0-9<]", "", each) for each in folded.splitlines()]
    whole = [each for each in lines if each]
    if len(whole) == 1 and len(whole[0]) == 2 * LINE:
        whole = [whole[0][:LINE], whole[0][LINE:]]
    if len(whole) != 2 or any(len(each) != LINE for each in whole):  # noqa: PLR2004
        raise MrzUnusable(Fault.MRZ_LINES)
    return whole[0], whole[1]


def _repaired(line: str) -> str:
    """Put right what a reader confused, where check digits prove it."""
    fixed = list(line)
    for place in (*range(13, 20), *range(21, 28), 9, 43):
        fixed[place] = IN_DATES.get(fixed[place], fixed[place])
    number = "".join(fixed[slice(*NUMBER)])
    if check_digit(number) != fixed[9]:
        proved = [each for each in _variants(number) if check_digit(each) == fixed[9]]
        if len(proved) != 1:  # more than one would be a guess
            raise MrzUnusable(Fault.MRZ_CHECK)
        fixed[slice(*NUMBER)] = proved[0]
    told = "".join(fixed)
    if not all(check_digit(part) == digit for part, digit in _checked(told)):
        raise MrzUnusable(Fault.MRZ_CHECK)
    return told


def _checked(line: str) -> Iterator[tuple[str, str]]:
    """Yield each part that has a check digit, with it; an empty option needs none."""
    for start, end in (BIRTH, EXPIRY):
        yield line[start:end], line[end]
    optional = line[slice(*OPTIONAL)]
    if optional.strip(FILLER) or line[42] != FILLER:
        yield optional, line[42]
    yield line[0:10] + line[13:20] + line[21:43], line[43]


def _variants(number: str) -> Iterator[str]:
    """Yield a number with each one confusion put right."""
    for place, char in enumerate(number):
        other = AS_DIGIT.get(char) or AS_LETTER.get(char)
        if other is not None:
            yield number[:place] + other + number[place + 1 :]


def _letters(text: str) -> str:
    return "".join(AS_LETTER.get(char, char) for char in text)


def _value(char: str) -> int:
    if char == FILLER:
        return 0
    return int(char) if char.isdecimal() else ord(char) - ord("A") + 10


def _date(text: str, today: date, *, past: bool) -> date:
    """Read yymmdd: a birth in the last 100 years, an expiry within fifty of today."""
    try:
        year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
        this = today.year // 100 * 100 + year
        if past:
            found = date(this, month, day)
            return found if found <= today else found.replace(year=this - 100)
        nearest = min((this - 100, this, this + 100), key=lambda y: abs(y - today.year))
        return date(nearest, month, day)
    except ValueError as error:
        raise MrzUnusable(Fault.MRZ_DATE) from error
