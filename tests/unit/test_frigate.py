"""What cameras tell of a door, and what a broker must not keep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.mqtt.frigate import Counted, Lost, Seen, read
from firmware_bridge.mqtt.retained import secret_in


def seen(topic: str, told: object, prefix: str = "frigate") -> list:
    return list(read(prefix, topic, json.dumps(told).encode()))


def event(kind: str, **changes) -> dict:
    after = {"id": "1", "camera": "front", "label": "person", **changes}
    return {"type": kind, "before": after, "after": after}


@pytest.mark.parametrize(
    ("kind", "there"), [("new", True), ("update", True), ("end", False)]
)
def test_an_event_says_whether_somebody_is_there(kind: str, there: bool) -> None:  # noqa: FBT001 - given by name
    assert seen("frigate/events", event(kind)) == [Seen("front", "1", there)]


def test_a_count_says_how_many() -> None:
    assert seen("frigate/front/person", 3) == [Counted("front", 3)]


def test_another_prefix_is_another_frigate() -> None:
    assert seen("yard/front/person", 1, "yard") == [Counted("front", 1)]
    assert seen("frigate/front/person", 1, "yard") == []


def test_a_frigate_that_is_gone_says_so() -> None:
    assert list(read("frigate", "frigate/available", b"offline")) == [Lost()]
    assert list(read("frigate", "frigate/available", b"online")) == []


def test_whom_frigate_believes_to_see_is_not_looked_at() -> None:
    told = event("new", sub_label=["somebody", 0.9])
    assert seen("frigate/events", told) == [Seen("front", "1", there=True)]


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("frigate/events", event("new", label="dog")),
        ("frigate/events", event("lost")),
        ("frigate/events", event("new", false_positive=True)),
        ("frigate/events", []),
        ("frigate/front/person", True),
        ("frigate/front/person", "1"),
        ("frigate/front/dog", 1),
    ],
)
def test_anything_else_says_nothing(topic: str, told) -> None:
    assert seen(topic, told) == []


@given(st.text(max_size=40), st.binary(max_size=200))
def test_no_bytes_raise(topic: str, raw: bytes) -> None:
    list(read("frigate", topic, raw))
    secret_in(raw)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"\xff\xd8\xff\xe0rest of a picture", "picture"),
        (b"\x89PNG\r\n", "picture"),
        (b'{"pin_code":{"user":3,"pin_code":"4711"}}', "pin"),
        (b'{"users":{"3":{"status":"enabled","pin_code":"471193"}}}', "pin"),
        (b'{"last_used_pin_code":"471193"}', "pin"),
        (b'{"action_code":471193}', "pin"),
        (b'{"users":{"3":{"status":"enabled","pin_code":"****"}}}', ""),
        (b'{"state":"LOCK"}', ""),
        (b"online", ""),
    ],
)
def test_what_a_broker_must_not_keep(payload: bytes, kind: str) -> None:
    assert secret_in(payload) == kind
