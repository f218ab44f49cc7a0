"""The text on an ID card's chip (domain.md §5), read by the flag of its kind.

Only what a registration needs is read: name, number, how long the card is good, and
birth date and sex where the number does not tell them.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum

LENGTHS = 4
TEXT = 256
FLAG = 248
FOR_EVER = "长期"


class Kind(Enum):
    """Which card, by the character at its flag."""

    RESIDENT = ""
    RESIDENCE_PERMIT = "J"
    PERMANENT_2017 = "I"
    PERMANENT_2023 = "Y"


@dataclass(frozen=True, slots=True)
class CardText:
    """What a card says; `until` is None where it is good for ever.

    `birth` and `sex` (GB/T 2261.1, one digit) where the number does not tell them.
    """

    kind: Kind
    name: str = field(repr=False)
    number: str = field(repr=False)
    until: date | None
    birth: date | None = field(default=None, repr=False)
    sex: str = field(default="", repr=False)


# Offset and length, in bytes of UTF-16LE: the name first, then the Latin one that
# stands in where there is no other, the number, the last day.
Place = tuple[int, int]
RESIDENT_PLACES: tuple[tuple[Place, ...], Place, Place] = (
    ((0, 30),),
    (122, 36),
    (204, 16),
)
PLACES: dict[Kind, tuple[tuple[Place, ...], Place, Place]] = {
    Kind.RESIDENT: RESIDENT_PLACES,
    Kind.RESIDENCE_PERMIT: RESIDENT_PLACES,
    Kind.PERMANENT_2017: (((158, 30), (0, 120)), (122, 30), (204, 16)),
    Kind.PERMANENT_2023: (((0, 30), (52, 70)), (122, 36), (204, 16)),
}
BIRTH, SEX = (220, 16), (120, 2)


def wipe(data: bytearray) -> None:
    """Overwrite what came from a card."""
    data[:] = bytes(len(data))


def read(data: bytearray) -> CardText | None:
    """Read the answer to READ: two lengths, the text, the picture; then wipe it all.

    None where the kind is not known or a field is no text: the card is typed instead.
    """
    try:
        return _read(bytes(data[LENGTHS : LENGTHS + TEXT]))
    except ValueError:
        return None
    finally:
        wipe(data)


def _read(raw: bytes) -> CardText | None:
    if len(raw) < TEXT:
        return None
    flag = _text(raw, (FLAG, 2))
    kind = next((each for each in Kind if each.value == flag), None)
    if kind is None:
        return None
    names, number, until = PLACES[kind]
    name = next((found for each in names if (found := _text(raw, each))), "")
    last = _text(raw, until)
    good = None if last == FOR_EVER else _date(last)
    told = _text(raw, number)
    if not name or not told:
        return None
    if kind is not Kind.PERMANENT_2017:
        return CardText(kind, name, told, good)
    birth = _text(raw, BIRTH)
    born = _date(birth) if birth else None
    return CardText(kind, name, told, good, born, _text(raw, SEX))


def _text(raw: bytes, place: Place) -> str:
    start, length = place
    return raw[start : start + length].decode("utf-16-le").strip(" \0\u3000")


def _date(text: str) -> date:
    if len(text) != 8 or not text.isdecimal():  # noqa: PLR2004 - YYYYMMDD
        raise ValueError
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))
