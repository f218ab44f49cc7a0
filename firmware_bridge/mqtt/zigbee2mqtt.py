"""zigbee2mqtt's topics and payloads as they are (docs: MQTT topics and messages)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from devices.model.locks import Bolt

# The largest message Lodge reads; a bridge/devices list of 200 devices is half of it.
LIMIT = 4 * 1024 * 1024
BOLTS = {bolt.value: bolt for bolt in Bolt}
STATES = {"LOCK": Bolt.LOCKED, "UNLOCK": Bolt.UNLOCKED}
SLOTS_UNTOLD = 30
HELD = {"enabled": True, "disabled": True, "available": False}


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of bridge/devices that is a lock or a keypad."""

    address: str
    name: str
    model: str
    lock: bool
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Devices:
    """The broker's list of devices that concern Lodge."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a device said of itself; None where it said nothing."""

    name: str
    bolt: Bolt | None = None
    battery: int | None = None
    slots: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether zigbee2mqtt reaches the device."""

    name: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A lock opened by its own judgement, by which slot and source."""

    name: str
    slot: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Code:
    """Somebody typed a code at a keypad."""

    name: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that means nothing here, and why; its content is not repeated."""

    name: str
    reason: str


Event = Devices | State | Availability | Opened | Code | Unreadable


@dataclass(frozen=True, slots=True)
class Told:
    """A message to publish; secret ones must not be queued or retained anywhere."""

    topic: str
    payload: bytes = field(repr=False)
    secret: bool = False


def read(base: str, topic: str, payload: bytes, *, retained: bool) -> Iterator[Event]:
    """Yield what a message says; never raise, whatever the bytes.

    A retained action or code is yesterday's and yields nothing.
    """
    name = topic.removeprefix(f"{base}/")
    if len(payload) > LIMIT:
        yield Unreadable(name, "longer than a message may be")
        return
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        content = (
            payload.decode(errors="replace") if len(payload) <= len("offline") else None
        )
    match name.removesuffix("/availability"), content:
        case "bridge/devices", list(entries):
            yield Devices(tuple(_devices(entries)))
        case device, ("online" | "offline") as word if device != name:
            yield Availability(device, word == "online")
        case device, {"state": ("online" | "offline") as word} if device != name:
            yield Availability(device, word == "online")
        case device, dict(said) if device == name and not name.startswith("bridge/"):
            yield from _said(name, said, retained=retained)
        case _ if name.startswith("bridge/") or name.endswith(("/set", "/get")):
            return
        case _:
            yield Unreadable(name, "not a JSON object")


def release(base: str, name: str) -> Told:
    """Tell a lock to unlock."""
    return _told(base, name, "set", {"state": "UNLOCK"})


def write_pin(base: str, name: str, slot: int, pin: str) -> Told:
    """Put a PIN into a slot of a lock."""
    body = {
        "user": slot,
        "user_type": "unrestricted",
        "user_enabled": True,
        "pin_code": pin,
    }
    return _told(base, name, "set", {"pin_code": body}, secret=True)


def clear_pin(base: str, name: str, slot: int) -> Told:
    """Empty a slot of a lock."""
    return _told(base, name, "set", {"pin_code": {"user": slot, "pin_code": None}})


def ask_slot(base: str, name: str, slot: int) -> Told:
    """Ask a lock whether a slot is held; the answer comes as `users`."""
    return _told(base, name, "get", {"pin_code": {"user": slot}})


def ask_state(base: str, name: str) -> Told:
    """Ask a lock for the state of its bolt."""
    return _told(base, name, "get", {"state": ""})


def _told(
    base: str, name: str, verb: str, body: dict[str, Any], *, secret: bool = False
) -> Told:
    return Told(f"{base}/{name}/{verb}", json.dumps(body).encode(), secret)


def _devices(entries: list[Any]) -> Iterator[Device]:
    for entry in entries:
        match entry:
            case {
                "ieee_address": str(address),
                "friendly_name": str(name),
                "definition": {"exposes": list(exposes), **rest},
            }:
                yield from _device((address, name, str(rest.get("model", ""))), exposes)


def _device(known: tuple[str, str, str], exposes: list[Any]) -> Iterator[Device]:
    kinds = {entry.get("type") for entry in exposes if isinstance(entry, dict)}
    names = {entry.get("property") for entry in exposes if isinstance(entry, dict)}
    if "lock" in kinds:
        slots = SLOTS_UNTOLD if "pin_code" in names else 0
        yield Device(*known, lock=True, slots=slots)
    elif "action_code" in names:
        yield Device(*known, lock=False)


def _said(name: str, said: dict[str, Any], *, retained: bool) -> Iterator[Event]:
    bolt = BOLTS.get(str(said.get("lock_state"))) or STATES.get(str(said.get("state")))
    battery = _battery(said.get("battery"))
    slots = tuple(_slots(said.get("users")))
    yield State(name, bolt, battery, slots)
    if retained:
        return
    match said:
        case {"action": str(), "action_code": (str() | int()) as code}:
            yield Code(name, str(code))
        case {"action": str(action)} if _opens(action):
            slot = said.get("action_user")
            source = said.get("action_source_name") or said.get("action_source")
            user = slot if isinstance(slot, int) else None
            yield Opened(name, user, str(source or "unknown"))


def _opens(action: str) -> bool:
    return action in {"unlock", "manual_unlock", "key_unlock", "schedule_unlock"}


def _battery(said: object) -> int | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return min(100, max(0, int(said))) if said == said else None  # noqa: PLR0124 - NaN


def _slots(users: object) -> Iterator[tuple[int, bool]]:
    if not isinstance(users, dict):
        return
    for user, told in users.items():
        status = told.get("status") if isinstance(told, dict) else None
        if str(user).isdecimal() and status in HELD:
            yield int(user), HELD[status]
