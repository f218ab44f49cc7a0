"""Locks with one command topic and one state topic: how they are told and read.

ESPHome and Tasmota by a mapping in the config, others by Home Assistant's discovery.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from devices.model.locks import Bolt
from firmware_bridge.mqtt.messages import Told

LIMIT = 64 * 1024
# Of Home Assistant's templates only a plain path into a JSON state is understood.
PATH = re.compile(
    r"\{\{\s*value_json((?:\.\w+|\[['\"]\w+['\"]\])+)\s*\}\}|\{\{\s*value\s*\}\}"
)
STEP = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a lock listens and speaks, and with which words."""

    id: str
    name: str
    command_topic: str
    unlock: str = "UNLOCK"
    state_topic: str = ""
    locked: str = "LOCKED"
    unlocked: str = "UNLOCKED"
    jammed: str = "JAMMED"
    availability_topic: str = ""
    available: str = "online"
    away: str = "offline"
    path: tuple[str, ...] = ()
    model: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that the lock speaks on."""
        found = (self.state_topic, self.availability_topic)
        return tuple(topic for topic in found if topic)


def path_of(template: str) -> tuple[str, ...] | None:
    """Return the path that a template takes into a state; None if it does more."""
    if not template:
        return ()
    found = PATH.fullmatch(template.strip())
    return None if found is None else tuple(STEP.findall(found[1] or ""))


def release(plan: Plan) -> Told:
    """Tell a lock to unlock."""
    return Told(plan.command_topic, plan.unlock.encode())


def bolt_of(plan: Plan, payload: bytes) -> Bolt | None:
    """Read a state; None where it says nothing known. Never raises."""
    words = {
        plan.locked: Bolt.LOCKED,
        plan.unlocked: Bolt.UNLOCKED,
        plan.jammed: Bolt.NOT_FULLY_LOCKED,
    }
    return words.get(_value(plan, payload) or "")


def reachable(plan: Plan, payload: bytes) -> bool | None:
    """Read an availability; None where it says nothing known."""
    text = payload[:LIMIT].decode(errors="replace")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = text
    said = told.get("state") if isinstance(told, dict) else told
    return {plan.available: True, plan.away: False}.get(str(said))


def _value(plan: Plan, payload: bytes) -> str | None:
    text = payload[:LIMIT].decode(errors="replace")
    if not plan.path:
        return text
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for step in plan.path:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
