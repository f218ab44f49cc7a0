"""Passports' lines: ICAO's own specimen, and what readers confuse."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment.model.documents import DocumentKind, Person, Sex
from enrolment.rules.mrz import (
    MrzUnusable,
    check_digit,
    other_name,
    read,
    with_lines,
)

TODAY = date(2026, 11, 25)
SPECIMEN = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
)
DUPONT = (
    "P<FRADUPONT<<MARIE<<<<<<<<<<<<<<<<<<<<<<<<<<\n"
    "12AB345673FRA8503105F3101012<<<<<<<<<<<<<<<4"
)
DOE = (
    "P<USADOE<<JOHN<PAUL<<<<<<<<<<<<<<<<<<<<<<<<<\n"
    "1234567897USA8002295M3007158<<<<<<<<<<<<<<<6"
)


def test_icaos_specimen_is_read() -> None:
    found = read(SPECIMEN, date(2010, 1, 1))
    assert (found.surname, found.given) == ("ERIKSSON", "ANNA MARIA")
    assert (found.number, found.nationality) == ("L898902C3", "UTO")
    assert (found.birth, found.until) == (date(1974, 8, 12), date(2012, 4, 15))
    assert (found.sex, found.sure) == (Sex.FEMALE, True)
    assert "ERIKSSON" not in repr(found)


@pytest.mark.parametrize("text", [DUPONT, DOE])
def test_however_it_was_typed_it_reads_the_same(text: str) -> None:
    whole = read(text, TODAY)
    assert read(text.lower().replace("\n", "\r\n\n "), TODAY) == whole
    assert read(text.replace("\n", ""), TODAY) == whole
    assert whole.until > TODAY


@pytest.mark.parametrize(
    ("old", "new"),
    [("12AB34567", "12A834567"), ("12AB34567", "I2AB34567"), ("850310", "85O31O")],
)
def test_a_confusion_is_put_right_where_a_check_digit_proves_it(
    old: str, new: str
) -> None:
    found = read(DUPONT.replace(old, new, 1), TODAY)
    assert found.number == "12AB34567"
    assert found.birth == date(1985, 3, 10)
    assert not found.sure


def test_a_digit_in_a_name_is_the_letter_that_it_looks_like() -> None:
    found = read(DOE.replace("DOE<<JOHN", "D0E<<J0HN", 1), TODAY)
    assert (found.surname, found.given) == ("DOE", "JOHN PAUL")
    assert not found.sure


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "mrz_lines"),
        (SPECIMEN, "expired"),
        ("P<UTO\nL898", "mrz_lines"),
        (DOE.replace("P<", "I<"), "mrz_kind"),
        (DUPONT.replace("12AB34567", "12AB34568"), "mrz_check"),
        (DUPONT.replace("8503105", "8503125"), "mrz_check"),
        (DUPONT[:-1] + "7", "mrz_check"),
        (DOE.replace("8002295", "8002305"), "mrz_check"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(MrzUnusable, match=why):
        read(text, TODAY)


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(MrzUnusable):
        read(text, TODAY)


@given(st.text(alphabet="ABMOPZ0189<", min_size=88, max_size=88))
def test_no_line_of_the_right_length_raises_anything_else(text: str) -> None:
    with suppress(MrzUnusable):
        read("P" + text[1:], TODAY)


def test_a_wrong_digit_is_never_put_right_by_a_guess() -> None:
    for place in range(9):
        line = DUPONT.split("\n")[1]
        digit = line[place]
        if digit.isdecimal():
            other = str((int(digit) + 1) % 10)
            wrong = DUPONT.replace(line, line[:place] + other + line[place + 1 :])
            with pytest.raises(MrzUnusable):
                read(wrong, TODAY)


def test_the_check_digit_is_icaos() -> None:
    assert check_digit("520727") == "3"
    assert check_digit("AB2134<<<") == "5"


def test_who_is_older_than_a_hundred_says_so() -> None:
    typed = Person("DUPONT MARIE", DocumentKind.PASSPORT, "12AB34567")
    old = replace(typed, birth=date(1885, 3, 10))
    assert with_lines(old, DUPONT, TODAY).birth == date(1885, 3, 10)
    other = replace(typed, birth=date(1985, 3, 11))
    assert with_lines(other, DUPONT, TODAY).birth == date(1985, 3, 10)


def test_a_name_in_both_scripts_is_held_against_the_lines() -> None:
    typed = Person("Dupont Marie", DocumentKind.PASSPORT, "12AB34567")
    assert not other_name(typed, DUPONT, TODAY)
    assert other_name(replace(typed, name="Dupond Marie"), DUPONT, TODAY)
    chinese = replace(typed, name="租客甲")
    assert not other_name(chinese, DUPONT, TODAY)  # in other letters: not comparable
    assert with_lines(chinese, DUPONT, TODAY).latin == "DUPONT MARIE"
    own = replace(chinese, latin="DUPOND MARIE")  # who compared both, and said so
    assert with_lines(own, DUPONT, TODAY).latin == "DUPOND MARIE"


def test_a_name_that_the_lines_cut_is_as_it_was_typed() -> None:
    surname, given = "DELACROIXDUPONTMARTIN", "ALEXANDREMARCELIN"
    line = f"P<UTO{surname}<<{given}"[:44].ljust(44, "<")
    lines = f"{line}\n" + DUPONT.split("\n")[1]
    full = f"{surname} {given}"
    typed = Person(full, DocumentKind.PASSPORT, "12AB34567")
    assert not line.endswith("<")
    assert with_lines(typed, lines, TODAY).latin == full
    assert not other_name(typed, lines, TODAY)


def test_lines_complete_their_own_passport_and_no_other() -> None:
    typed = Person("DUPONT MARIE", DocumentKind.PASSPORT, "12ab 34567")
    assert with_lines(typed, DUPONT, TODAY).birth == date(1985, 3, 10)
    for person, lines in (
        (typed, DOE),
        (typed, ""),
        (typed, "nonsense"),
        (replace(typed, kind=DocumentKind.RESIDENT_CARD), DUPONT),
    ):
        assert with_lines(person, lines, TODAY) is person
