"""Names in Latin letters, as reports and as passports' lines have them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment.rules.names import latin, same_name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Anna Maria Eriksson", "ANNA MARIA ERIKSSON"),
        ("Müller", "MULLER"),
        ("Weiß", "WEISS"),
        ("Łukasz Đoković", "LUKASZ DOKOVIC"),
        ("Þór  Æsir", "THOR AESIR"),
        ("O\u2019Neill-Smith", "O'NEILL-SMITH"),
        ("Nguyễn Văn A", "NGUYEN VAN A"),
        ("İbrahim I\u015f\u0131k", "IBRAHIM ISIK"),
        ("St. John", "ST JOHN"),
        ("ZHANG, SAN", "ZHANG SAN"),
        ("O\u02bbktam O\u00b4Brien", "O'KTAM O'BRIEN"),
        ("Anna\u00b7Maria", "ANNA MARIA"),
        ("\u018fliyev", "ELIYEV"),
        ("\uff21nna", "ANNA"),
        ("租客甲", ""),
        ("Иванов", ""),
        ("", ""),
        ("-", ""),
        ("A" * 122, ""),
    ],
)
def test_a_name_as_reports_have_it(name: str, told: str) -> None:
    assert latin(name) == told


@given(st.text(max_size=140))
def test_whatever_comes_fits_the_report_or_is_nothing(name: str) -> None:
    assert re.fullmatch(r"([A-Z][A-Z '-]{0,120})?", latin(name))


@pytest.mark.parametrize(
    ("name", "lines", "same"),
    [
        ("Anna Maria Eriksson", "ERIKSSON ANNA MARIA", True),
        ("Müller Jörg", "MUELLER JOERG", True),
        ("Müller Jörg", "MULLER JORG", True),
        ("Ångström", "AANGSTROEM", True),
        ("Núñez", "NUNXXEZ", True),
        ("O'Neill", "ONEILL", True),
        ("Smith-Jones", "SMITH JONES", True),
        ("Eriksson Anna", "ERIKSSON ANNA MARIA", False),
        ("Eriksson Anne Maria", "ERIKSSON ANNA MARIA", False),
        ("", "ERIKSSON", False),
    ],
)
def test_names_are_compared_however_their_marks_are_written(
    name: str, lines: str, *, same: bool
) -> None:
    assert same_name(name, lines) is same


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("'t Hooft", "'T HOOFT"),
        ("\u02bbAkahi", "'AKAHI"),
        ("\u2019s-Gravesande", "'S-GRAVESANDE"),
    ],
)
def test_a_name_may_begin_with_an_apostrophe(typed: str, told: str) -> None:
    assert latin(typed) == told
