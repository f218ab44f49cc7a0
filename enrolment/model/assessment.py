"""The impact assessment that has to stand before faces are looked at (PIPL 55, 56)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum


class Feature(Enum):
    """What is done with faces; each has to be in the assessment."""

    FACE_SCAN = "face_scan"
    FACE_AT_DOOR = "face_at_door"


class Off(Enum):
    """Why no face is looked at on a box."""

    NO_ASSESSMENT = "no_assessment"
    UNFINISHED = "unfinished"
    EXPIRED = "expired"
    NOT_COVERED = "not_covered"
    NO_LIVENESS = "no_liveness"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the operator has written down: the file's `text` and its SHA-256, hex."""

    made: date
    review_by: date
    features: frozenset[str]
    answers: Mapping[str, str]
    hash: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stood:
    """An assessment under which people agreed to something, first and last."""

    hash: str
    first: datetime
    last: datetime
    text: str
