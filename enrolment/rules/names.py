"""Names in Latin letters: as a report has them, and as a passport's lines do."""

import re
import unicodedata
from collections.abc import Iterator

# What Unicode does not take apart, as ICAO 9303 part 3 writes it in capitals.
LETTERS = {
    "Æ": "AE",
    "Œ": "OE",
    "Ø": "O",
    "Ł": "L",
    "Đ": "D",
    "Ð": "D",
    "Þ": "TH",
    "ẞ": "SS",
    "İ": "I",
    "Ħ": "H",
    "Ŋ": "N",
    "Ŧ": "T",
    "Ə": "E",
}
# What some states write with two letters, and others without the mark.
TWO = {"Ä": "AE", "Ö": "OE", "Ü": "UE", "Å": "AA", "Ø": "OE", "Ñ": "NXX"}
LONGEST = 121
APOSTROPHES = "\u00b4\u0060\u2018\u2019\u02bb\u02bc\u2032"
DASHES = r"[\u2010-\u2015]"


def latin(name: str) -> str:
    """Return a name as reports have it, A to Z, space, - and '; "" where it is other.

    Marks and points go, as in a passport's lines (ICAO 9303 part 3, section 6).
    """
    text = _plain(name, LETTERS)
    good = re.fullmatch(r"'?[A-Z][A-Z '-]*", text) and len(text) <= LONGEST
    return " ".join(text.split()) if good else ""


def same_name(name: str, lines: str) -> bool:
    """Say whether a name in Latin letters is the one that a passport's lines have.

    In whatever order its words are written, and however its state writes their marks.
    """
    told = _words(lines)
    return any(_words(each) == told for each in _written(name))


def _written(name: str) -> Iterator[str]:
    yield _plain(name, LETTERS)
    yield _plain(name, LETTERS | TWO)


def _words(name: str) -> list[str]:
    return sorted(re.findall(r"[A-Z]+", name.replace("'", "")))


def _plain(name: str, letters: dict[str, str]) -> str:
    told = re.sub(DASHES, "-", re.sub(f"[{APOSTROPHES}]", "'", name.replace("ß", "ẞ")))
    text = unicodedata.normalize("NFKC", told).upper().replace(".", "")
    text = re.sub(r"[,\u00b7\s]+", " ", text).strip()
    spelt = "".join(letters.get(char, char) for char in text)
    taken = unicodedata.normalize("NFD", spelt)
    return "".join(char for char in taken if not unicodedata.combining(char))
