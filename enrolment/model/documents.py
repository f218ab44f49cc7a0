"""Documents, what they say of a person, and the reading of a card."""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum


class DocumentKind(Enum):
    """Kinds of document, with Lodge's own codes (domain.md §3)."""

    RESIDENT_CARD = "RIC"
    PASSPORT = "PP"
    HM_PERMIT = "HM"
    TW_PERMIT = "TW"
    RESIDENCE_PERMIT = "HMT"
    PERMANENT_RESIDENT = "PRC"


class Sex(Enum):
    """Sex as a document states it (GB/T 2261.1)."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"


class Fault(Enum):
    """What is wrong with a document number."""

    EMPTY = "empty"
    MALFORMED = "malformed"
    OLD_15_DIGITS = "old_15_digits"
    BAD_AREA = "bad_area"
    BAD_BIRTH = "bad_birth"
    BORN_LATER = "born_later"
    BAD_CHECK = "bad_check"
    EXPIRED = "expired"
    GUARDIAN = "guardian"
    GUARDIAN_CONSENT = "guardian_consent"
    OTHER_BIRTH = "other_birth"
    OTHER_NAME = "other_name"
    NO_LATIN = "no_latin"
    NO_BIRTH = "no_birth"
    MRZ_LINES = "mrz_lines"
    MRZ_KIND = "mrz_kind"
    MRZ_CHECK = "mrz_check"
    MRZ_DATE = "mrz_date"


@dataclass(frozen=True, slots=True)
class NumberFinding:
    """What a document number says; true where it is well formed."""

    kind: DocumentKind
    fault: Fault | None = None
    birth: date | None = None
    sex: Sex = Sex.UNKNOWN
    area: str = ""

    def __bool__(self) -> bool:
        return self.fault is None


class Evidence(Enum):
    """How an identity was established, the weakest first."""

    TYPED = "typed"
    PICTURE = "picture"
    CHIP = "chip"
    SEEN_BY_PERSON = "seen_by_person"
    STATE_VERIFIED = "state_verified"


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is, as his document says; `guardian` declares for a child.

    `latin` is his name in Latin letters, where his document has one.
    """

    name: str = field(repr=False)
    kind: DocumentKind
    number: str = field(repr=False)
    birth: date | None = field(repr=False, default=None)
    sex: Sex = field(repr=False, default=Sex.UNKNOWN)
    guardian: str = field(repr=False, default="")
    latin: str = field(repr=False, default="")


class OutsideAnswer(Enum):
    """What somebody outside says of a name, a number and a code."""

    MATCH = "match"
    MISMATCH = "mismatch"
    CODE_WRONG = "code_wrong"
    NO_ANSWER = "no_answer"


class Part(Enum):
    """What of a document's text may have been read wrongly."""

    NAME = "name"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in a picture; `score` (0 to 1) is how sure its reader is."""

    text: str = field(repr=False)
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What a document's picture says; its holder looks at what is `unsure`.

    `lines` are those at a passport's foot.
    """

    person: Person
    unsure: frozenset[Part]
    lines: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Said:
    """The numbers in a document's text; `passport` where two good lines name one."""

    numbers: frozenset[str] = field(repr=False)
    passport: str = field(repr=False)


class CardStep(Enum):
    """How far the reading of a card has come, or what ended it."""

    LOOKING = "looking"
    TAKE_OFF = "take_off"
    PUT_ON = "put_on"
    READING = "reading"
    READ = "read"
    REMOVED = "removed"
    UNREADABLE = "unreadable"
    UNKNOWN_KIND = "unknown_kind"
    EXPIRED = "expired"
    BAD_NUMBER = "bad_number"
    READER_GONE = "reader_gone"
    NOBODY_CAME = "nobody_came"


@dataclass(frozen=True, slots=True)
class CardText:
    """What the chip of a card says of its holder; `until` None: good for ever."""

    person: Person
    until: date | None
