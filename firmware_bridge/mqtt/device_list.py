"""zigbee2mqtt's list of devices: what each is to Lodge, by what it exposes."""

from collections.abc import Iterator
from typing import Any

from devices.model.locks import ReadBack
from devices.model.tasks import Incident
from firmware_bridge.mqtt.messages import Device, Role
from firmware_bridge.mqtt.topics import name_fault

# zigbee2mqtt does not tell how many PINs a lock takes (`pinCodeCount` of its
# converters); a model not named here gets the fewest that any of them takes, but for
# the one that takes four.
SLOTS = {
    "V3-BTZB/V3-BTZBE": 20,
    "0402946": 109,
    "HC-SLM-1": 39,
    "HT-SLM-2": 39,
    "HT-SLM-3": 39,
    "99140-002": 30,
    "99140-031": 30,
    "99100-045": 30,
    "99120-021": 30,
    "easyCodeTouch_v1": 1000,
    "Nimly": 1000,
    "BE468": 30,
    "DLM-300Z": 4,
}
YALE_SLOTS = 250
SLOTS_UNTOLD = 20
# A lock of Onesti's make tells its last user in the state and answers no question.
BLIND = "last_unlock_user"
SENSED = {
    "smoke": Incident.SMOKE,
    "gas": Incident.GAS,
    "carbon_monoxide": Incident.CARBON_MONOXIDE,
    "water_leak": Incident.WATER_LEAK,
    "tamper": Incident.TAMPER,
    "battery_low": Incident.BATTERY_LOW,
}


def devices_in(entries: list[Any]) -> Iterator[Device]:
    """Yield the locks, keypads and sensors of `bridge/devices`; pass over the rest."""
    for entry in entries:
        match entry:
            case {
                "ieee_address": str(address),
                "friendly_name": str(name),
                "definition": {"exposes": list(exposes), **rest},
            } if name_fault(name) is None and name_fault(address) is None:
                yield from _device((address, name, str(rest.get("model", ""))), exposes)


def _device(known: tuple[str, str, str], exposes: list[Any]) -> Iterator[Device]:
    entries = [entry for entry in exposes if isinstance(entry, dict)]
    kinds = {entry.get("type") for entry in entries}
    names = {entry.get("property") for entry in entries}
    if "lock" in kinds:
        slots = _slot_count(known[2], entries) if "pin_code" in names else 0
        blind = ReadBack.NEVER if BLIND in names else ReadBack.STATUS
        yield Device(*known, Role.LOCK, slots, blind)
    elif "action_code" in names:
        yield Device(*known, Role.KEYPAD)
    elif _aqara_lock(entries):
        yield Device(*known, Role.LOCK)
    elif names & {*SENSED, "contact"} - {"battery_low", "tamper"}:
        yield Device(*known, Role.SENSOR)


def _slot_count(model: str, entries: list[dict[str, Any]]) -> int:
    yale = "YR" in model or "YDM" in model or "YMF" in model
    yale = yale and any(
        entry.get("property") == "auto_relock_time" for entry in entries
    )
    return SLOTS.get(model, YALE_SLOTS if yale else SLOTS_UNTOLD)


def _aqara_lock(entries: list[dict[str, Any]]) -> bool:
    """Say whether a device without a lock's expose is one: it tells who opened."""
    for entry in entries:
        values = entry.get("values")
        if entry.get("property") == "action" and isinstance(values, list):
            return bool({"lock_opened", "lock_opened_inside"} & set(map(str, values)))
    return False
