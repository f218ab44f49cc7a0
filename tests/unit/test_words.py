"""The language of a page: what a person chose, or his browser asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from porch.words import LANGUAGES, Words

WORDS = Words({})


def language(header: str, cookie: str = "") -> str:
    headers = [(b"accept-language", header.encode("latin-1", "replace"))]
    if cookie:
        headers.append((b"cookie", f"lodge_language={cookie}".encode()))
    return WORDS.language(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("en;q=0.3, zh-TW;q=0.7", "zh_CN"),
        ("zh;q=0, en;q=0.1", "en"),
        ("de, en;q=0.5, zh;q=0.4", "en"),
        ("de", "zh_CN"),
        ("en;q=two, zh", "zh_CN"),
        ("", "zh_CN"),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(header: str, found: str) -> None:
    assert language(header) == found


def test_what_a_person_chose_goes_before() -> None:
    assert language("zh-CN", "en") == "en"
    assert language("en", "xx") == "en"


@given(st.text(max_size=60))
def test_no_header_raises(header: str) -> None:
    assert language(header) in LANGUAGES
