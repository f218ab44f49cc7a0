"""Lodge's doors as a landlord's Home Assistant finds them by its MQTT discovery."""

import json
from dataclasses import dataclass
from typing import Any

from devices.model.locks import Bolt
from firmware_bridge.mqtt.discovery import ORIGIN, PREFIX

AVAILABLE = "lodge/available"
STATES = {
    Bolt.LOCKED: "LOCKED",
    Bolt.UNLOCKED: "UNLOCKED",
    Bolt.UNLATCHED: "OPEN",
    Bolt.NOT_FULLY_LOCKED: "JAMMED",
    Bolt.UNKNOWN: "None",
}


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
