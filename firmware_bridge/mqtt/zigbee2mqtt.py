"""zigbee2mqtt's topics and payloads as they are (docs: MQTT topics and messages)."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from devices.model.locks import Bolt
from devices.model.tasks import Incident
from firmware_bridge.mqtt.actions import Act, meaning
from firmware_bridge.mqtt.device_list import BLIND, SENSED, devices_in
from firmware_bridge.mqtt.messages import (
    Availability,
    Bridge,
    Contact,
    Devices,
    Event,
    LastUser,
    Opened,
    Pressed,
    Programmed,
    Sensed,
    Slot,
    State,
    Stored,
    Told,
    Unreadable,
    WrongCode,
)

# The largest message Lodge reads; a bridge/devices list of 200 devices is half of it.
LIMIT = 4 * 1024 * 1024
BOLTS = {bolt.value: bolt for bolt in Bolt}
STATES = {"LOCK": Bolt.LOCKED, "UNLOCK": Bolt.UNLOCKED}
PIN_DIGITS = 6
TRANSACTION_MAX = 255
SLOT = re.compile(r"[0-9]{1,5}")
PIN = re.compile(r"[0-9]{1,16}")
# What a message may tell beside its state; most tell nothing of it.
MORE = {
    *SENSED,
    "contact",
    "door_state",
    "last_unlock_user",
    "last_successful_pincode_save",
    "last_successful_pincode_clear",
    "action",
}
DOOR_STATES = {
    "error_jammed": Incident.LOCK_JAMMED,
    "error_forced_open": Incident.FORCED_OPEN,
}
AVAILABILITY = "/availability"
HELD = {"enabled": True, "disabled": True, "available": False}


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
    device = name.removesuffix(AVAILABILITY)
    if name.startswith("bridge/"):
        yield from _of_bridge(name, content)
    elif device != name and (there := _online(content)) is not None:
        yield Availability(device, there)
    elif device == name and isinstance(content, dict):
        yield from _said(name, content, retained=retained)
    elif not name.endswith(("/set", "/get")):
        yield Unreadable(name, "not a JSON object")


def _of_bridge(name: str, content: Any) -> Iterator[Event]:
    if name == "bridge/devices" and isinstance(content, list):
        known = [each for each in content if _device(each)]
        if known:  # its own coordinator is always among them
            yield Devices(tuple(devices_in(known)))
        else:
            yield Unreadable(name, "no list of devices")
    elif name == "bridge/state" and (up := _online(content)) is not None:
        yield Bridge(up)


def _device(entry: Any) -> bool:
    match entry:
        case {"ieee_address": str(), "friendly_name": str()}:
            return True
    return False


def _online(content: Any) -> bool | None:
    word = content.get("state") if isinstance(content, dict) else content
    return word == "online" if word in ("online", "offline") else None


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


def keypad_answer(base: str, name: str, transaction: int, mode: str) -> Told:
    """Answer a press at a keypad (ZCL IAS ACE, arm response)."""
    body = {"transaction": transaction, "mode": mode}
    return _told(base, name, "set", {"arm_mode": body})


def keypad_state(base: str, name: str, mode: str) -> Told:
    """Tell a keypad how things stand (ZCL IAS ACE, panel status changed)."""
    return _told(base, name, "set", {"arm_mode": {"mode": mode}})


def _told(
    base: str, name: str, verb: str, body: dict[str, Any], *, secret: bool = False
) -> Told:
    return Told(f"{base}/{name}/{verb}", json.dumps(body).encode(), secret)


def _said(name: str, said: dict[str, Any], *, retained: bool) -> Iterator[Event]:
    bolt = BOLTS.get(str(said.get("lock_state"))) or STATES.get(str(said.get("state")))
    battery = _battery(said.get("battery"))
    slots = tuple(_slots(said.get("users")))
    seen = said.get("last_seen")
    yield State(name, bolt, battery, slots, None if seen is None else str(seen))
    if said.keys().isdisjoint(MORE):
        return
    yield from _sensed(name, said)
    if retained:
        return
    yield from _told_of_users(name, said)
    match said:
        case {"action": str(action), "action_code": str() | int() as code} if action:
            # Some converters publish the code as a number, which drops its zeros.
            typed = code if isinstance(code, str) else f"{code:0{PIN_DIGITS}}"
            yield Pressed(name, action, _card_or(typed), _transaction(said))
        case {"action": str(action)}:
            yield from _acted(name, action, said)


def _card_or(code: str) -> str:
    """Return a code, or a card's number: frient's keypad writes one as `+3DD5FCFF`."""
    return code[1:].upper() if code.startswith("+") else code


def _transaction(said: dict[str, Any]) -> int | None:
    match said.get("action_transaction"):
        case int(number) if number is not True and 0 <= number <= TRANSACTION_MAX:
            return number
    return None


def _acted(name: str, action: str, said: dict[str, Any]) -> Iterator[Event]:
    found = meaning(action)
    if found is None:
        return
    user = said.get("action_user", said.get("action_source_user", found.user))
    user = user if isinstance(user, int) and not isinstance(user, bool) else None
    named = said.get("action_source_name")
    source = named if isinstance(named, str) and named else found.source
    match found.act:
        case Act.OPENED:
            # Only a PIN's slot is a key of Lodge's; another user is not guessed at.
            yield Opened(
                name, user if source == "keypad" else None, source or "unknown"
            )
        case Act.WRONG_CODE:
            yield WrongCode(name)
        case Act.PROGRAMMED:
            yield Programmed(name, user)
        case Act.ALARM if found.incident is not None:
            yield Sensed(name, found.incident, on=True)


def _sensed(name: str, said: dict[str, Any]) -> Iterator[Event]:
    for word, incident in SENSED.items():
        if isinstance(on := said.get(word), bool):
            yield Sensed(name, incident, on)
    if isinstance(contact := said.get("contact"), bool):
        yield Contact(name, not contact)
    match said.get("door_state"):
        case "open" | "closed" as state:
            yield Contact(name, state == "open")
        case "error_jammed" | "error_forced_open" as state:
            yield Sensed(name, DOOR_STATES[state], on=True)


def _told_of_users(name: str, said: dict[str, Any]) -> Iterator[Event]:
    user, source = said.get(BLIND), said.get("last_unlock_source")
    if isinstance(user, str) and SLOT.fullmatch(user) and isinstance(source, str):
        yield LastUser(name, int(user), source)
    for word, cleared in (("save", False), ("clear", True)):
        stamp = said.get(f"last_successful_pincode_{word}")
        if isinstance(stamp, str | int | float) and not isinstance(stamp, bool):
            yield Stored(name, cleared, str(stamp))


def _battery(said: object) -> int | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return min(100, max(0, int(said))) if math.isfinite(said) else None


def _slots(users: object) -> Iterator[Slot]:
    if not isinstance(users, dict):
        return
    for user, told in users.items():
        match told:
            case {"status": str(status), **more} if SLOT.fullmatch(user):
                if status in HELD:
                    # Told where zigbee2mqtt's `expose_pin` is on.
                    pin = more.get("pin_code")
                    named = pin if isinstance(pin, str) and PIN.fullmatch(pin) else None
                    yield Slot(int(user), HELD[status], named)
