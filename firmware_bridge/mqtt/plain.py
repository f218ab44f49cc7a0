"""Locks with one command topic and one state topic: how they are told and read.

ESPHome, Tasmota and Shelly by a mapping in the config, others by Home Assistant's
discovery.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from devices.model.locks import Bolt
from firmware_bridge.mqtt.messages import Told
from firmware_bridge.mqtt.templates import LONGEST, rendered


class Mode(Enum):
    """Which of several topics says that a lock is there (availability_mode)."""

    ALL = "all"
    ANY = "any"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Health:
    """A topic that says whether a lock is there, and in which words."""

    topic: str
    available: str = "online"
    away: str = "offline"
    template: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What a lock calls the states of its bolt; the defaults are Home Assistant's."""

    locked: str = "LOCKED"
    unlocked: str = "UNLOCKED"
    open: str = "OPEN"
    jammed: str = "JAMMED"
    locking: str = "LOCKING"
    unlocking: str = "UNLOCKING"
    opening: str = "OPENING"
    reset: str = "None"

    def bolts(self) -> Mapping[str, Bolt]:
        """Return the bolt that each word means; of one with two the stronger.

        Jammed before opening, open, locking, and locked or not (Home Assistant's lock).
        """
        return {
            self.unlocked: Bolt.UNLOCKED,
            self.locked: Bolt.LOCKED,
            self.unlocking: Bolt.NOT_FULLY_LOCKED,
            self.open: Bolt.UNLATCHED,
            self.locking: Bolt.NOT_FULLY_LOCKED,
            self.opening: Bolt.NOT_FULLY_LOCKED,
            self.jammed: Bolt.NOT_FULLY_LOCKED,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a lock listens and speaks, and with which words.

    `open` draws the latch as well; most European doors stay shut without.
    """

    id: str
    name: str
    command_topic: str
    unlock: str = "UNLOCK"
    open: str = ""
    command_template: str = ""
    state_topic: str = ""
    template: str = ""
    words: Words = Words()
    health: tuple[Health, ...] = ()
    mode: Mode = Mode.LATEST
    model: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that the lock speaks on."""
        found = (self.state_topic, *(each.topic for each in self.health))
        return tuple(dict.fromkeys(topic for topic in found if topic))


def into(path: str) -> str:
    """Return the template that takes a path into a JSON state, as `status.output`."""
    if not path:
        return ""
    steps = "".join(
        f"[{step}]" if step.isdecimal() else f"[{step!r}]" for step in path.split(".")
    )
    return f"{{{{ value_json{steps} | word }}}}"


def release(plan: Plan) -> Told:
    """Tell a lock to open; where it knows of a latch, to draw it."""
    word = plan.open or plan.unlock
    if plan.command_template:
        word = rendered(plan.command_template, word) or word
    return Told(plan.command_topic, word.encode())


def bolt_of(plan: Plan, payload: bytes) -> Bolt | None:
    """Read a state; None where it says nothing known. Never raises."""
    said = _said(payload, plan.template)
    if said is None or not said.strip():
        return None
    return Bolt.UNKNOWN if said == plan.words.reset else plan.words.bolts().get(said)


def jammed(plan: Plan, payload: bytes) -> bool:
    """Say whether a state tells of a bolt that is stuck."""
    return _said(payload, plan.template) == plan.words.jammed


def available(health: Health, payload: bytes) -> bool | None:
    """Read what one topic says of a lock's being there; None where nothing known."""
    said = _said(payload, health.template)
    return {health.away: False, health.available: True}.get(said or "")


def reachable(plan: Plan, said: Mapping[str, bool], latest: str) -> bool | None:
    """Say whether a lock is there, by what its topics said; None while it is not known.

    `said` is by topic, in the order in which they spoke; `latest` the last that did.
    """
    told = [said.get(each.topic) for each in plan.health]
    if plan.mode is Mode.LATEST:
        return said.get(latest)
    return _all(told) if plan.mode is Mode.ALL else _any(told)


def _all(told: Collection[bool | None]) -> bool | None:
    if False in told:
        return False
    return None if None in told else True


def _any(told: Collection[bool | None]) -> bool | None:
    if True in told:
        return True
    return None if None in told else False


def _said(payload: bytes, template: str) -> str | None:
    if len(payload) > LONGEST:
        return None
    text = payload.decode(errors="ignore")
    return rendered(template, text) if template else text
