"""Whether names and document numbers are as their standards write them."""

import re
import unicodedata
from dataclasses import replace
from datetime import date

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_2

from enrolment.model.documents import (
    CardStep,
    CardText,
    DocumentKind,
    Fault,
    NumberFinding,
    Person,
    Sex,
)
from enrolment.rules.names import latin

# First two digits of GB/T 2260 area codes that were ever given to residents.
PROVINCES = frozenset(
    str(number)
    for first, last in (
        (11, 15),
        (21, 23),
        (31, 37),
        (41, 46),
        (50, 54),
        (61, 65),
        (71, 71),
        (81, 83),
    )
    for number in range(first, last + 1)
)
PERMIT_AREAS = {"810000", "820000", "830000"}
FORMS = {
    # Since July 2024 also for residents there who are no Chinese nationals.
    DocumentKind.HM_PERMIT: r"[HM](\d{8}(\d{2})?|A\d{7})",
    DocumentKind.TW_PERMIT: r"\d{8}(\d{2})?",
    DocumentKind.PASSPORT: r"[A-Z0-9]{5,20}",
}
OLDEST = 130
# Below this age nobody consents for himself (PIPL 31).
CONSENTS_FROM = 14
# Below this age a guardian declares (Zhejiang's regulation, 7); no face is looked at.
DECLARES_FROM = 16
NAME_LENGTH = range(2, 51)
# What keyboards and readers put for the dot within a name, and for an X at the end.
DOTS = re.compile("[•‧∙⋅・･\u2024\u25cf\u16eb\u2e31\u2e33\ua78f]")
BETWEEN = re.compile(r"(?<=[\u3400-\u9fff])[.\uff0e\u3002\uff61](?=[\u3400-\u9fff])")
SPACES = re.compile("[ \u00a0\u2000-\u200a\u202f\u205f\u3000]+")
CROSSES = re.compile("[\u00d7\u0425\u03a7\u2715\u2716\u2573\u2a2f]$")
# Characters of GBK that had no place in Unicode, and were given private ones in the
# order of their bytes; GB 18030 has their places since, and these in its 2022 edition.
PRIVATE = range(0xE815, 0xE865)
LATER = {
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE831: 0x215D7,
    0xE832: 0x9FB8,
    0xE83B: 0x2298F,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE855: 0x241FE,
    0xE864: 0x9FBB,
}
WEIGHTS = (7, 3, 1)
MRZ = {str(digit): digit for digit in range(10)} | {
    chr(letter): letter - ord("A") + 10 for letter in range(ord("A"), ord("Z") + 1)
}


def check_number(kind: DocumentKind, number: str, today: date) -> NumberFinding:
    """Check a document number as its standard writes it (domain.md §4).

    Resident cards and residence permits: GB 11643, ISO 7064 MOD 11-2. Travel permits
    and passports carry no check digit of their own and are checked for form.
    """
    text = normal_number(number)
    if not text:
        return NumberFinding(kind, Fault.EMPTY)
    if (form := FORMS.get(kind)) is not None:
        return _formed(kind, form, text)
    if kind is DocumentKind.PERMANENT_RESIDENT:
        return _permanent(text, today)
    if kind is DocumentKind.RESIDENT_CARD:
        return _resident(text, today)
    found = _citizen(kind, text, today)
    known = text[:6] in PERMIT_AREAS
    return found if not found or known else NumberFinding(kind, Fault.BAD_AREA)


def read_claim(
    person: Person, today: date, *, consents: bool
) -> tuple[Person, NumberFinding]:
    """Return a person as he is kept, with what his number says, and what is lacking.

    `consents` says whether a guardian does; the number tells birth date and sex, and
    that a resident card is a residence permit.
    """
    number = normal_number(person.number)
    found = check_number(person.kind, number, today)
    told = replace(
        person,
        kind=found.kind,
        number=number,
        birth=found.birth or person.birth,
        sex=person.sex if found.sex is Sex.UNKNOWN else found.sex,
        latin=latin(person.latin or person.name),
    )
    fault = found.fault or claim_fault(told, today, consents=consents)
    return told, replace(found, fault=fault)


def tells_birth(person: Person) -> bool:
    """Say whether his number itself tells birth date and sex.

    Passports' and travel permits' do not, nor do those that begin with letters, as
    older permanent-resident cards have them.
    """
    return person.kind not in FORMS and not person.number[:1].isalpha()


def with_sex(person: Person, before: Person) -> Person:
    """Return a person with the sex that the same document said; no form asks it."""
    same = (person.kind, normal_number(person.number)) == (before.kind, before.number)
    if person.sex is not Sex.UNKNOWN or not same:
        return person
    return replace(person, sex=before.sex)


def normal_number(number: str) -> str:
    """Return a number as it is stored: no spaces, full-width folded, capitals.

    A cross at its end, as keyboards and readers write it, is the X.
    """
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", number)).upper()
    return CROSSES.sub("X", text)


def normal_name(name: str) -> str | None:
    """Return a name as it is stored (NFC, trimmed), or None if it cannot be one.

    The dot within a name is the one that cards and registries write, U+00B7; a
    character that an old keyboard wrote at a private place is at Unicode's own.
    """
    told = unicodedata.normalize("NFC", "".join(map(_official, name)))
    text = SPACES.sub(" ", BETWEEN.sub("·", DOTS.sub("·", told)).strip())
    foreign = any(
        unicodedata.category(c)[0] not in "LMZP" and not _rare(c) for c in text
    )
    return None if foreign or len(text) not in NAME_LENGTH else text


def private(name: str) -> bool:
    """Say whether a name holds a character that only its own device can show."""
    return any(unicodedata.category(_official(char)) == "Co" for char in name)


def _official(char: str) -> str:
    """Return the place of a character that GBK once wrote at a private one."""
    if ord(char) not in PRIVATE:
        return char
    if (later := LATER.get(ord(char))) is not None:
        return chr(later)
    low = ord(char) - PRIVATE.start + 0x50
    # In GBK's table a second byte is never 7F.
    return bytes([0xFE, low + (low >= 0x7F)]).decode("gb18030")  # noqa: PLR2004


def _rare(char: str) -> bool:
    """Say whether this is a rare ideograph, which Python's tables may not know yet.

    GB 18030 gives them their places in planes 2 and 3 as Unicode adds them.
    """
    return 0x20000 <= ord(char) <= 0x3FFFD  # noqa: PLR2004 - Unicode's own bounds


def claim_fault(person: Person, today: date, *, consents: bool) -> Fault | None:
    """Say what a claim lacks beside a good number.

    A birth date, where the number tells none; a name in Latin letters, where the
    document is a passport; below sixteen, a guardian who declares (Zhejiang's
    regulation, 7), and below fourteen `consents` (PIPL 31).
    """
    if person.birth is None:
        return Fault.NO_BIRTH
    if (fault := _birth_fault(person.birth, today)) is not None:
        return fault
    if (told := _born_as(person)) and told != f"{person.birth:%y%m%d}":
        return Fault.OTHER_BIRTH
    if person.kind is DocumentKind.PASSPORT and not person.latin:
        return Fault.NO_LATIN
    years = age(person.birth, today)
    if years < DECLARES_FROM and not person.guardian:
        return Fault.GUARDIAN
    return Fault.GUARDIAN_CONSENT if years < CONSENTS_FROM and not consents else None


def _born_as(person: Person) -> str:
    """Return the birth date, yymmdd, that an older permanent-resident card tells."""
    older = re.fullmatch(r"[A-Z]{3}\d{4}(\d{6})\d{2}", person.number, re.ASCII)
    permanent = person.kind is DocumentKind.PERMANENT_RESIDENT
    return older[1] if older and permanent else ""


def is_child(person: Person, today: date) -> bool:
    """Say whether a person is too young to consent himself (PIPL 31)."""
    return person.birth is not None and age(person.birth, today) < CONSENTS_FROM


def no_face(person: Person, today: date) -> bool:
    """Say whether a person is too young for his face to be looked at (rule F5)."""
    return person.birth is not None and age(person.birth, today) < DECLARES_FROM


def age(birth: date, today: date) -> int:
    """Return how many birthdays somebody has had."""
    early = (today.month, today.day) < (birth.month, birth.day)
    return today.year - birth.year - early


def card_fault(card: CardText, today: date) -> CardStep | None:
    """Say why what a card's chip said cannot be taken; `today` is Shanghai's."""
    if card.until is not None and card.until < today:
        return CardStep.EXPIRED
    person = card.person
    found = check_number(person.kind, person.number, today)
    named = normal_name(person.name) is not None
    return None if found and named else CardStep.BAD_NUMBER


def _formed(kind: DocumentKind, pattern: str, text: str) -> NumberFinding:
    good = re.fullmatch(pattern, text, re.ASCII)
    return NumberFinding(kind, None if good else Fault.MALFORMED)


def _resident(text: str, today: date) -> NumberFinding:
    kind = DocumentKind.RESIDENT_CARD
    if re.fullmatch(r"\d{15}", text, re.ASCII):
        return NumberFinding(kind, Fault.OLD_15_DIGITS)
    if text[:6] in PERMIT_AREAS:  # no area of residents: it is a residence permit's
        return _citizen(DocumentKind.RESIDENCE_PERMIT, text, today)
    found = _citizen(kind, text, today)
    if found and text[:2] not in PROVINCES:
        return NumberFinding(kind, Fault.BAD_AREA)
    return found


def _citizen(kind: DocumentKind, text: str, today: date) -> NumberFinding:
    if not re.fullmatch(r"\d{17}[\dX]", text, re.ASCII):
        return NumberFinding(kind, Fault.MALFORMED)
    birth = _date(text[6:14])
    if (fault := _birth_fault(birth, today)) is not None:
        return NumberFinding(kind, fault)
    if not _mod_11_2(text):
        return NumberFinding(kind, Fault.BAD_CHECK)
    return NumberFinding(kind, None, birth, _sex(text[16]), text[:6])


def _permanent(text: str, today: date) -> NumberFinding:
    kind = DocumentKind.PERMANENT_RESIDENT
    if re.fullmatch(r"9\d{16}[\dX]", text, re.ASCII):
        birth = _date(text[6:14])
        if (fault := _birth_fault(birth, today)) is not None:
            return NumberFinding(kind, fault)
        if not _mod_11_2(text):
            return NumberFinding(kind, Fault.BAD_CHECK)
        if text[1:3] not in PROVINCES:
            return NumberFinding(kind, Fault.BAD_AREA)
        return NumberFinding(kind, None, birth, _sex(text[16]), f"{text[1:3]}0000")
    if re.fullmatch(r"[A-Z]{3}\d{12}", text, re.ASCII):
        good = _mrz_digit(text[:14]) == text[14]
        return NumberFinding(kind, None if good else Fault.BAD_CHECK)
    return NumberFinding(kind, Fault.MALFORMED)


def _mod_11_2(text: str) -> bool:
    try:
        mod_11_2.validate(text)
    except ValidationError:
        return False
    return True


def _mrz_digit(text: str) -> str:
    total = sum(MRZ[c] * WEIGHTS[place % 3] for place, c in enumerate(text))
    return str(total % 10)


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _birth_fault(birth: date | None, today: date) -> Fault | None:
    if birth is None or today.year - birth.year > OLDEST:
        return Fault.BAD_BIRTH
    return Fault.BORN_LATER if birth > today else None


def _sex(digit: str) -> Sex:
    return Sex.MALE if int(digit) % 2 else Sex.FEMALE
