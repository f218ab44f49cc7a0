"""zigbee2mqtt's payloads, as real locks send them, and bytes that are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.locks import Bolt
from firmware_bridge.mqtt import zigbee2mqtt as wire
from firmware_bridge.mqtt.lock_models import UNTOLD
from firmware_bridge.mqtt.messages import (
    Availability,
    Device,
    Devices,
    Event,
    Opened,
    Pressed,
    Role,
    Slot,
    State,
    Unreadable,
)

BASE = "zigbee2mqtt"


def said(topic: str, content: object, *, retained: bool = False) -> list[Event]:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(wire.read(BASE, f"{BASE}/{topic}", raw, retained=retained))


def test_a_state_tells_bolt_and_battery() -> None:
    content = {"state": "LOCK", "lock_state": "locked", "battery": 87}
    assert said("front", content) == [State("front", Bolt.LOCKED, 87)]


def test_an_old_state_without_lock_state_still_tells_the_bolt() -> None:
    assert said("front", {"state": "UNLOCK"}) == [State("front", Bolt.UNLOCKED)]


def test_a_lock_that_is_not_fully_locked_is_not_called_locked() -> None:
    content = {"state": "UNLOCK", "lock_state": "not_fully_locked"}
    [state] = said("front", content)
    assert state.bolt is Bolt.NOT_FULLY_LOCKED


def test_slots_tell_who_is_held() -> None:
    content = {"users": {"3": {"status": "enabled"}, "4": {"status": "available"}}}
    [state] = said("front", content)
    assert state.slots == (Slot(3, held=True), Slot(4, held=False))


def test_an_opening_tells_slot_and_source() -> None:
    content = {
        "action": "unlock",
        "action_user": 3,
        "action_source": 0,
        "action_source_name": "keypad",
    }
    assert said("front", content)[-1] == Opened("front", 3, "keypad")


@pytest.mark.parametrize(
    "action", ["lock", "unlock_failure_invalid_pin_or_id", "pin_code_added", ""]
)
def test_what_is_no_opening_is_not_booked_as_one(action: str) -> None:
    events = said("front", {"action": action, "action_user": 3})
    assert not [event for event in events if isinstance(event, Opened)]


def test_a_code_typed_at_a_keypad_comes_through() -> None:
    content = {"action": "disarm", "action_code": "4711", "action_zone": 0}
    assert said("pad", content)[-1] == Pressed("pad", "disarm", "4711")


@pytest.mark.parametrize(
    ("told", "pressed"),
    [
        ({"action_code": "0123", "action_transaction": 0}, ("disarm", "0123", 0)),
        ({"action_code": "+3dd5fcff"}, ("disarm", "3DD5FCFF", None)),
        ({"action_code": ""}, ("disarm", "", None)),
        ({"action_code": 123}, ("disarm", "000123", None)),
        ({"action": "arm_all_zones", "action_code": "1"}, ("arm_all_zones", "1", None)),
        ({"action_code": "1", "action_transaction": 256}, ("disarm", "1", None)),
        ({"action_code": "1", "action_transaction": True}, ("disarm", "1", None)),
        ({"action_code": "1", "action_transaction": None}, ("disarm", "1", None)),
        ({"action_code": None}, None),
        ({"action": "", "action_code": None}, None),
        ({"action": None, "action_code": "1"}, None),
        ({"action": "", "action_code": "1"}, None),
        ({"action": "panic"}, None),
    ],
)
def test_what_keypads_of_many_makes_say_is_a_press_or_none(told, pressed) -> None:
    events = said("pad", {"action": "disarm", **told})
    found = [event for event in events if isinstance(event, Pressed)]
    assert found == ([Pressed("pad", *pressed)] if pressed else [])


def test_a_code_retained_from_last_week_opens_nothing() -> None:
    content = {"action": "disarm", "action_code": "4711", "state": "UNLOCK"}
    events = said("pad", content, retained=True)
    assert not [event for event in events if isinstance(event, Pressed)]


def test_a_code_never_shows_in_a_repr() -> None:
    assert "4711" not in repr(Pressed("pad", "disarm", "4711"))
    assert "4711" not in repr(wire.write_pin(BASE, "front", 3, "4711"))


@pytest.mark.parametrize("payload", [b"online", {"state": "online"}])
def test_availability_in_both_styles(payload: object) -> None:
    found = said("front/availability", payload)
    assert found == [Availability("front", reachable=True)]


def test_devices_that_are_no_locks_are_left_out() -> None:
    entries = [
        {"ieee_address": "0x1", "friendly_name": "lamp", "definition": {"exposes": []}},
        {"ieee_address": "0x2", "friendly_name": "coordinator", "definition": None},
        {"broken": True},
        7,
        {
            "ieee_address": "0x3",
            "friendly_name": "front",
            "definition": {
                "model": "YRD",
                "exposes": [{"type": "lock"}, {"property": "pin_code"}],
            },
        },
    ]
    [found] = said("bridge/devices", entries)
    device = Device("0x3", "front", "YRD", Role.LOCK, UNTOLD.slots)
    assert found == Devices((device,))


@pytest.mark.parametrize(
    "raw", [b"", b"not json", b"[1,2", b"\xff\xfe", b"[" * 100_000, b"null", b"7"]
)
def test_what_is_not_an_object_is_named_unreadable(raw: bytes) -> None:
    [event] = said("front", raw)
    assert isinstance(event, Unreadable)


def test_a_message_longer_than_the_limit_is_not_parsed() -> None:
    [event] = said("front", b"x" * (wire.LIMIT + 1))
    assert event == Unreadable("front", "longer than a message may be")


@given(
    topic=st.text(max_size=40),
    raw=st.binary(max_size=200),
    retained=st.booleans(),
)
def test_no_bytes_raise(topic: str, raw: bytes, *, retained: bool) -> None:
    list(wire.read(BASE, f"{BASE}/{topic}", raw, retained=retained))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner)
    ),
    max_leaves=20,
)
KEYS = ("state", "lock_state", "battery", "users", "action", "action_code")


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_no_json_raises(content: dict[str, object]) -> None:
    said("front", content)
    said("bridge/devices", [content])


def test_commands_are_what_zigbee2mqtt_takes() -> None:
    told = wire.write_pin(BASE, "front", 3, "471199")
    assert told.topic == "zigbee2mqtt/front/set"
    assert json.loads(told.payload) == {
        "pin_code": {
            "user": 3,
            "user_type": "unrestricted",
            "user_enabled": True,
            "pin_code": "471199",
        }
    }
    assert told.secret
    assert json.loads(wire.clear_pin(BASE, "front", 3).payload) == {
        "pin_code": {"user": 3, "pin_code": None}
    }
    assert json.loads(wire.release(BASE, "front").payload) == {"state": "UNLOCK"}
