"""Home Assistant's MQTT discovery: locks found by it, and Lodge's doors shown by it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devices.model.locks import Bolt
from firmware_bridge.mqtt.plain import LIMIT, Plan, path_of
from firmware_bridge.mqtt.topics import expanded, name_fault, topic_fault

PREFIX = "homeassistant"
AVAILABLE = "lodge/available"
CONFIG = re.compile(rf"{PREFIX}/(device|lock)/(?:[\w-]+/)?([\w-]+)/config")
# Home Assistant's abbreviations (docs: MQTT discovery), as far as locks use them.
SHORT = {
    "cmps": "components",
    "p": "platform",
    "dev": "device",
    "mdl": "model",
    "cmd_t": "command_topic",
    "stat_t": "state_topic",
    "pl_unlk": "payload_unlock",
    "stat_locked": "state_locked",
    "stat_unlocked": "state_unlocked",
    "stat_jam": "state_jammed",
    "val_tpl": "value_template",
    "uniq_id": "unique_id",
    "avty_t": "availability_topic",
    "avty": "availability",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "t": "topic",
}
ORIGIN = {"name": "Lodge"}
STATES = {
    Bolt.LOCKED: "LOCKED",
    Bolt.UNLOCKED: "UNLOCKED",
    Bolt.NOT_FULLY_LOCKED: "JAMMED",
    Bolt.UNKNOWN: "None",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A lock that was found and cannot be driven, and why."""

    name: str
    reason: str


def read_config(topic: str, payload: bytes) -> Iterator[Plan | Refused]:
    """Yield the locks that a discovery message tells of; never raise.

    Lodge's own doors come back on the same topics and are passed over.
    """
    match = CONFIG.fullmatch(topic)
    if match is None or not payload or len(payload) > LIMIT:
        return
    try:
        told = _long(json.loads(payload))
    except (ValueError, RecursionError):
        return
    if not isinstance(told, dict) or told.get("o") == ORIGIN:
        return
    device = told.get("device")
    model = str(device.get("model", "")) if isinstance(device, dict) else ""
    if match[1] == "lock":
        yield _plan(match[2], {}, told, model)
        return
    components = told.get("components")
    for name, each in components.items() if isinstance(components, dict) else ():
        if isinstance(each, dict) and each.get("platform") == "lock":
            yield _plan(f"{match[2]}_{name}", told, each, model)


def _plan(
    name: str, common: dict[str, Any], own: dict[str, Any], model: str
) -> Plan | Refused:
    told = {key: str(own.get(key, common.get(key, ""))) for key in TEXTS}
    if not told["command_topic"]:
        return Refused(name, "has no command topic")
    path = path_of(told["value_template"])
    if path is None:
        return Refused(name, "its value template is more than a path")
    base = str(own.get("~", common.get("~", "")))
    told["availability_topic"] = told["availability_topic"] or _first_topic(own, common)
    topics = {each: expanded(told[each], base) for each in TOPICS}
    for each, topic in topics.items():
        if (topic or each == "command_topic") and (why := topic_fault(topic)):
            return Refused(name, f"its {each}: {why}")
    spoken = str(own.get("name") or name)
    lock = f"ha:{told['unique_id'] or name}"
    if why := name_fault(spoken) or name_fault(lock):
        return Refused(name, f"its name: {why}")
    return Plan(
        id=lock,
        name=spoken,
        command_topic=topics["command_topic"],
        unlock=told["payload_unlock"] or "UNLOCK",
        state_topic=topics["state_topic"],
        locked=told["state_locked"] or "LOCKED",
        unlocked=told["state_unlocked"] or "UNLOCKED",
        jammed=told["state_jammed"] or "JAMMED",
        availability_topic=topics["availability_topic"],
        available=told["payload_available"] or "online",
        away=told["payload_not_available"] or "offline",
        path=path,
        model=model,
    )


TOPICS = ("command_topic", "state_topic", "availability_topic")
TEXTS = (
    "command_topic",
    "state_topic",
    "payload_unlock",
    "state_locked",
    "state_unlocked",
    "state_jammed",
    "value_template",
    "unique_id",
    "availability_topic",
    "payload_available",
    "payload_not_available",
)


def _first_topic(own: dict[str, Any], common: dict[str, Any]) -> str:
    listed = own.get("availability", common.get("availability"))
    listed = listed if isinstance(listed, list) else [listed]
    topics = [str(each.get("topic", "")) for each in listed if isinstance(each, dict)]
    return topics[0] if topics else ""


def _long(value: Any) -> Any:
    """Return a value with its abbreviated keys spelt out."""
    if isinstance(value, dict):
        return {SHORT.get(key, key): _long(each) for key, each in value.items()}
    return [_long(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Shown:
    """A door as a landlord's Home Assistant may see it; no bolt where it is let."""

    house: str
    door: str
    name: str
    model: str
    battery: int | None
    bolt: Bolt | None


def base_of(shown: Shown) -> str:
    """Return where a door's topics lie: by house, so that a broker can part them."""
    return f"lodge/{shown.house}/{shown.door}"


def messages(shown: Shown) -> dict[str, bytes]:
    """Return what is kept for a door: topic to payload, empty where it is withdrawn."""
    base = base_of(shown)
    lock: dict[str, Any] = {"p": "lock"}
    if shown.bolt is not None:
        lock |= {
            "uniq_id": f"lodge_{shown.door}_lock",
            "name": None,
            "stat_t": f"{base}/state",
            "cmd_t": f"{base}/set",
            "avty_t": AVAILABLE,
        }
    battery = {
        "p": "sensor",
        "uniq_id": f"lodge_{shown.door}_battery",
        "dev_cla": "battery",
        "unit_of_meas": "%",
        "stat_t": f"{base}/battery",
        "avty_t": AVAILABLE,
    }
    device = {"ids": [f"lodge_{shown.door}"], "name": shown.name, "mdl": shown.model}
    config = {"dev": device, "o": ORIGIN, "cmps": {"lock": lock, "battery": battery}}
    level = "" if shown.battery is None else str(shown.battery)
    state = "" if shown.bolt is None else STATES[shown.bolt]
    return {
        f"{PREFIX}/device/lodge_{shown.door}/config": json.dumps(config).encode(),
        f"{base}/state": state.encode(),
        f"{base}/battery": level.encode(),
    }
