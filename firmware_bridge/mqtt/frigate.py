"""Frigate's events over MQTT, as far as a door may know: somebody is there, or not.

Both shapes are read: `frigate/events` (JSON) and `frigate/<camera>/person` (a count).
Whom Frigate believes to see (`sub_label`) and its pictures are not looked at.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

BASE = "frigate"
TOPICS = (f"{BASE}/events", f"{BASE}/+/person")
LIMIT = 64 * 1024
PERSON = "person"


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether somebody stands before a camera."""

    camera: str
    somebody: bool


def read(topic: str, payload: bytes) -> Iterator[Seen]:
    """Yield what a message says; never raise, whatever the bytes."""
    parts = topic.split("/")
    if len(payload) > LIMIT:
        return
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return
    match parts, told:
        case [_, "events"], {
            "type": ("new" | "update" | "end") as kind,
            "after": {"camera": str(camera), "label": "person"},
        } if camera:
            yield Seen(camera, kind != "end")
        case [_, camera, "person"], int(count) if not isinstance(told, bool):
            yield Seen(camera, count > 0)
