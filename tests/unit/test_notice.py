"""The notice: what the law wants in it, and that its name follows every word."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.web import notice

TERM = timedelta(days=30)
STATION = "Example police station, 0572-000000"
PAGES = Path(notice.__file__).parent / "pages"
# Who, what, why, the face scan's need and effect, how long, which rights (PIPL 17, 30).
SAYS = {
    "Who": "landlord",
    "What": "number of your document",
    "Why": "law obliges",
    "Face scan": "for life",
    "How long": "%(days)s days after your departure",
    "Your rights": "withdraw a consent",
}


@pytest.mark.parametrize("what", SAYS)
def test_f4_the_notice_says_what_the_law_wants(what: str) -> None:
    text = (PAGES / "notice_text.html").read_text(encoding="utf-8")
    parts = dict(re.findall(r"<dt>{{ _\('(.+?)'\) }}</dt><dd>(.+?)</dd>", text))
    assert SAYS[what] in parts[what]


@pytest.mark.parametrize("place", range(len(notice.TEXTS)))
def test_f3_another_word_of_a_consent_is_another_notice(
    tmp_path: Path, place: int
) -> None:
    texts = list(notice.TEXTS)
    changed = tmp_path / texts[place].name
    changed.write_text(texts[place].read_text(encoding="utf-8") + " ", encoding="utf-8")
    before = notice.notice(TERM, STATION, tuple(texts))
    texts[place] = changed
    assert notice.notice(TERM, STATION, tuple(texts)).version != before.version


def test_f3_what_a_notices_page_takes_in_is_part_of_it() -> None:
    named = {each.name for each in notice.TEXTS}
    for text in notice.TEXTS:
        found = re.findall(r'{% include "(.+?)" %}', text.read_text(encoding="utf-8"))
        assert set(found) <= named


def test_f3_a_consents_translation_is_part_of_it() -> None:
    assert {each.stem for each in notice.WORDS} == {"zh_CN", "en"}
    words = notice.notice(TERM, STATION)
    assert notice.notice(TERM, STATION, notice.TEXTS).version != words.version


def test_f3_another_retention_term_is_another_notice() -> None:
    longer = notice.notice(TERM + timedelta(hours=1), STATION)
    assert (notice.notice(TERM, STATION).days, longer.days) == (30, 31)
    assert notice.notice(TERM, STATION).version != longer.version


def test_f3_another_police_station_is_another_notice() -> None:
    unnamed = notice.notice(TERM, "")
    assert notice.notice(TERM, STATION).version != unnamed.version
