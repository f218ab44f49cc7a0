"""F7: no face is looked at without an assessment that stands."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from enrolment.model.assessment import Feature, Off
from enrolment.rules.assessment import QUESTIONS, off
from gateway.assessment import form, read

TODAY = date(2026, 11, 25)
ANSWERS = dict.fromkeys(QUESTIONS, "answered in a sentence")


@pytest.fixture
def told(tmp_path: Path):
    path = tmp_path / "impact-assessment.toml"
    path.write_text(form(TODAY, ANSWERS), encoding="utf-8")
    return read(path)


def test_f7_a_filled_in_assessment_stands_for_what_it_lists(told) -> None:
    assert off(told, Feature.FACE_SCAN, TODAY) is None
    assert off(None, Feature.FACE_SCAN, TODAY) is Off.NO_ASSESSMENT
    other = replace(told, features=frozenset({"something"}))
    assert off(other, Feature.FACE_SCAN, TODAY) is Off.NOT_COVERED


def test_f7_an_assessment_expires(told) -> None:
    last = told.review_by
    assert off(told, Feature.FACE_SCAN, last) is None
    assert off(told, Feature.FACE_SCAN, last + timedelta(days=1)) is Off.EXPIRED
    for_ever = replace(told, review_by=date(2099, 1, 1))
    assert off(for_ever, Feature.FACE_SCAN, date(2028, 1, 1)) is Off.EXPIRED
    early = TODAY - timedelta(days=1)
    assert off(told, Feature.FACE_SCAN, early) is Off.EXPIRED


@pytest.mark.parametrize("question", QUESTIONS)
def test_f7_every_question_is_answered(told, question: str) -> None:
    for answer in ("", "   ", "yes"):
        answers = {**told.answers, question: answer}
        found = off(replace(told, answers=answers), Feature.FACE_SCAN, TODAY)
        assert found is Off.UNFINISHED


@pytest.mark.parametrize(
    "text", ["", "made = 1", "made = [", "made = 2026-01-01\nreview_by = 'x'", "\0"]
)
def test_f7_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert read(path) is None
    assert read(tmp_path / "missing") is None


def test_a_form_is_unfinished_until_it_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(form(TODAY), encoding="utf-8")
    assert off(read(path), Feature.FACE_SCAN, TODAY) is Off.UNFINISHED
