"""Frigate's events over MQTT, as far as a door may know: somebody is there, or not.

Read are `<prefix>/events` (JSON), `<prefix>/<camera>/person` (a count) and whether
Frigate is there. Whom it believes to see (`sub_label`) and its pictures are not looked
at.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

BASE = "frigate"
LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody, by Frigate's passing name for him, came before a camera or left it."""

    camera: str
    who: str
    there: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """How many people a camera sees."""

    camera: str
    people: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Frigate is gone: nobody knows who is there."""


def topics(prefix: str) -> tuple[str, ...]:
    """Return what is listened to."""
    return f"{prefix}/events", f"{prefix}/+/person", f"{prefix}/available"


def read(prefix: str, topic: str, payload: bytes) -> Iterator[Seen | Counted | Lost]:
    """Yield what a message says; never raise, whatever the bytes."""
    rest = topic.removeprefix(f"{prefix}/").split("/")
    if len(payload) > LIMIT or not topic.startswith(f"{prefix}/"):
        return
    if rest == ["available"]:
        if payload != b"online":
            yield Lost()
        return
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return
    match rest, told:
        case ["events"], {
            "type": ("new" | "update" | "end") as kind,
            "after": {"camera": str(camera), "label": "person", **after},
        } if camera and after.get("false_positive") is not True:
            yield Seen(camera, str(after.get("id", "")), kind != "end")
        case [camera, "person"], int(count) if not isinstance(told, bool):
            yield Counted(camera, count)
