"""What cameras tell of a door, and what a broker must not keep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.mqtt.frigate import Seen, read
from firmware_bridge.mqtt.retained import secret_in


def seen(topic: str, told: object) -> list[Seen]:
    return list(read(topic, json.dumps(told).encode()))


def event(kind: str, **changes) -> dict:
    after = {"id": "1", "camera": "front", "label": "person", **changes}
    return {"type": kind, "before": after, "after": after}


@pytest.mark.parametrize(
    ("kind", "there"), [("new", True), ("update", True), ("end", False)]
)
def test_an_event_says_whether_somebody_is_there(kind: str, there: bool) -> None:  # noqa: FBT001 - given by name
    assert seen("frigate/events", event(kind)) == [Seen("front", there)]


@pytest.mark.parametrize(("count", "there"), [(0, False), (1, True), (3, True)])
def test_a_count_says_the_same(count: int, there: bool) -> None:  # noqa: FBT001 - given by name
    assert seen("frigate/front/person", count) == [Seen("front", there)]


def test_whom_frigate_believes_to_see_is_not_looked_at() -> None:
    told = event("new", sub_label=["somebody", 0.9])
    assert seen("frigate/events", told) == [Seen("front", somebody=True)]


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        ("frigate/events", event("new", label="dog")),
        ("frigate/events", event("lost")),
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
    list(read(topic, raw))
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
