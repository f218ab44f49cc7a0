"""zigbee2mqtt's list of devices: what each is to Lodge, by what it exposes."""

from collections.abc import Iterator
from typing import Any

from devices.model.locks import ReadBack
from devices.model.tasks import Incident
from firmware_bridge.mqtt.lock_models import MODELS, UNTOLD
from firmware_bridge.mqtt.messages import Device, Role
from firmware_bridge.mqtt.topics import carried, name_fault

MODEL_MAX = 100
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
                model = str(rest.get("model", ""))[:MODEL_MAX]
                known = address, name, model if carried(model) else ""
                yield from _device(known, exposes)


def _device(known: tuple[str, str, str], exposes: list[Any]) -> Iterator[Device]:
    entries = [entry for entry in exposes if isinstance(entry, dict)]
    kinds = {entry.get("type") for entry in entries}
    names = {entry.get("property") for entry in entries}
    if "lock" in kinds:
        blind = ReadBack.NEVER if BLIND in names else ReadBack.STATUS
        if "pin_code" in names:
            own = MODELS.get(known[2], UNTOLD)
            yield Device(*known, Role.LOCK, own.slots, blind, own.first, own.digits)
        else:
            yield Device(*known, Role.LOCK, read_back=blind)
    elif "action_code" in names:
        # One that numbers its presses takes answers, which no list says by itself.
        yield Device(*known, Role.KEYPAD, answers="action_transaction" in names)
    elif _aqara_lock(entries):
        yield Device(*known, Role.LOCK)
    elif names & {*SENSED, "contact"} - {"battery_low", "tamper"}:
        yield Device(*known, Role.SENSOR)


def _aqara_lock(entries: list[dict[str, Any]]) -> bool:
    """Say whether a device without a lock's expose is one: it tells who opened."""
    for entry in entries:
        values = entry.get("values")
        if entry.get("property") == "action" and isinstance(values, list):
            return bool({"lock_opened", "lock_opened_inside"} & set(map(str, values)))
    return False
