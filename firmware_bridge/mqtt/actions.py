"""What the `action` words of zigbee2mqtt's locks mean, make by make."""

import re
from dataclasses import dataclass
from enum import Enum

from devices.model.tasks import Incident


class Act(Enum):
    """What a lock says that it did, or had done to it."""

    OPENED = "opened"
    WRONG_CODE = "wrong_code"
    PROGRAMMED = "programmed"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Meaning:
    """An action's meaning; `source` and `user` where the word itself names them."""

    act: Act
    source: str = ""
    user: int | None = None
    incident: Incident | None = None


# ZCL Door Lock operation events (fz.lock_operation_event), Onesti's EasyCode words,
# Yale's and Aqara's own. A word that is not here opens nothing in any book.
OPENED = {
    "unlock": "",
    "manual_unlock": "manual",
    "key_unlock": "key",
    "schedule_unlock": "schedule",
    "keypad_unlock": "keypad",
    "password_unlock": "keypad",
    "fingerprint_unlock": "fingerprint",
    "rfid_unlock": "rfid",
    "zigbee_unlock": "rf",
    "lock_opened": "manual",
    "lock_opened_inside": "manual",
    "lock_opened_outside": "",
    "finger_open": "fingerprint",
    "password_open": "keypad",
}
WRONG = {
    "unlock_failure_invalid_pin_or_id",
    "unlock_failure_invalid_schedule",
    "lock_failure_invalid_pin_or_id",
    "lock_failure_invalid_schedule",
    "finger_not_match",
    "password_not_match",
}
PROGRAMMED = {
    "master_code_changed",
    "pin_code_added",
    "pin_code_deleted",
    "pin_code_changed",
    "password_add",
    "password_delete",
}
ALARMS = {
    "error_jammed": Incident.LOCK_JAMMED,
    "lock_jammed": Incident.LOCK_JAMMED,
    "lock_factory_reset": Incident.LOCK_FACTORY_RESET,
    "tamper": Incident.TAMPER,
    "forced_entry": Incident.FORCED_OPEN,
    "duress": Incident.FORCED_USER,
}
# Aqara writes kind, rank and number of the user into the word.
AQARA = re.compile(r"(finger|password)_open_(?:admin|user)_id(\d{1,4})")


def meaning(action: str) -> Meaning | None:
    """Return what an action means; None where it concerns nobody here."""
    if found := AQARA.fullmatch(action):
        source = "keypad" if found[1] == "password" else "fingerprint"
        return Meaning(Act.OPENED, source, int(found[2]))
    if action in OPENED:
        return Meaning(Act.OPENED, OPENED[action])
    if action in WRONG:
        return Meaning(Act.WRONG_CODE)
    if action in PROGRAMMED:
        return Meaning(Act.PROGRAMMED)
    if action in ALARMS:
        return Meaning(Act.ALARM, incident=ALARMS[action])
    return None
