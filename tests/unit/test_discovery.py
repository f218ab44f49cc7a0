"""Home Assistant's discovery, ESPHome and Tasmota: the formats alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.locks import Bolt
from firmware_bridge.mqtt import homeassistant as wire
from firmware_bridge.mqtt import plain
from firmware_bridge.mqtt.homeassistant import Refused, Shown
from firmware_bridge.mqtt.plain import Plan

ONE = "homeassistant/lock/frontdoor/config"
# As ESPHome and Tasmota document their topics and payloads.
ESPHOME = Plan(
    id="mqtt:yard",
    name="yard",
    command_topic="gate/lock/yard/command",
    state_topic="gate/lock/yard/state",
    availability_topic="gate/status",
)
TASMOTA = Plan(
    id="mqtt:strike",
    name="strike",
    command_topic="cmnd/strike/POWER",
    unlock="ON",
    state_topic="stat/strike/POWER",
    locked="OFF",
    unlocked="ON",
    availability_topic="tele/strike/LWT",
    available="Online",
    away="Offline",
)


def found(topic: str, told: object) -> list:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return list(wire.read_config(topic, raw))


def test_a_lock_by_its_own_config_is_found() -> None:
    told = {
        "name": "Front door",
        "unique_id": "zwave-7",
        "command_topic": "home/front/set",
        "state_topic": "home/front",
        "payload_unlock": "open",
        "state_locked": "shut",
        "state_unlocked": "open",
        "value_template": "{{ value_json.lock.state }}",
        "device": {"model": "M1"},
    }
    [plan] = found(ONE, told)
    assert (plan.id, plan.name, plan.model) == ("ha:zwave-7", "Front door", "M1")
    assert plain.release(plan).payload == b"open"
    assert plain.bolt_of(plan, b'{"lock":{"state":"shut"}}') is Bolt.LOCKED
    assert plain.bolt_of(plan, b'{"lock":"shut"}') is None


def event_of_a_device() -> dict:
    return {
        "dev": {"ids": ["x"], "mdl": "M2"},
        "o": {"name": "bridge"},
        "avty_t": "~/status",
        "~": "base/x",
        "cmps": {
            "bolt": {
                "p": "lock",
                "uniq_id": "x-bolt",
                "cmd_t": "~/set",
                "stat_t": "~/state",
            },
            "light": {"p": "light", "cmd_t": "~/light"},
        },
    }


def test_a_lock_among_a_devices_components_is_found_by_short_names() -> None:
    [plan] = found("homeassistant/device/x/config", event_of_a_device())
    assert (plan.command_topic, plan.state_topic) == ("base/x/set", "base/x/state")
    assert plan.availability_topic == "base/x/status"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"state_topic": "x"}, "no command topic"),
        ({"command_topic": "x", "value_template": "{{ now() }}"}, "template"),
        ({"command_topic": "x/#"}, "wildcard"),
        ({"command_topic": "x", "state_topic": "+/y"}, "wildcard"),
    ],
)
def test_a_lock_that_cannot_be_driven_says_why(told, reason) -> None:
    [refused] = found(ONE, told)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        (ONE, b""),
        (ONE, b"not json"),
        (ONE, [1]),
        (ONE, b"[" * 10_000),
        (ONE, b" " * (plain.LIMIT + 1)),
        ("homeassistant/light/x/config", {"command_topic": "x"}),
        (
            "homeassistant/device/x/config",
            {"cmps": {"lock": {"p": "lock"}}, "o": wire.ORIGIN},
        ),
    ],
)
def test_what_is_no_lock_is_passed_over(topic: str, told) -> None:
    assert found(topic, told) == []


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_raise(raw: bytes, topic: str) -> None:
    list(wire.read_config(ONE, raw))
    list(wire.read_config(topic, raw))
    plain.bolt_of(ESPHOME, raw)
    plain.reachable(TASMOTA, raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["cmps", "dev", "cmd_t", "avty", "p", "~", "t"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_no_json_raises(told) -> None:
    found(ONE, told)
    found("homeassistant/device/x/config", told)


@pytest.mark.parametrize(
    ("plan", "payload", "bolt"),
    [
        (ESPHOME, b"LOCKED", Bolt.LOCKED),
        (ESPHOME, b"UNLOCKED", Bolt.UNLOCKED),
        (ESPHOME, b"JAMMED", Bolt.NOT_FULLY_LOCKED),
        (ESPHOME, b"LOCKING", None),
        (TASMOTA, b"OFF", Bolt.LOCKED),
        (TASMOTA, b"ON", Bolt.UNLOCKED),
    ],
)
def test_esphome_and_tasmota_tell_their_bolt(plan, payload, bolt) -> None:
    assert plain.bolt_of(plan, payload) is bolt


def test_esphome_and_tasmota_are_told_in_their_words() -> None:
    assert plain.release(ESPHOME).topic == "gate/lock/yard/command"
    assert plain.release(ESPHOME).payload == b"UNLOCK"
    assert plain.release(TASMOTA).payload == b"ON"
    assert plain.reachable(ESPHOME, b"online") is True
    assert plain.reachable(TASMOTA, b"Offline") is False
    assert plain.reachable(TASMOTA, b"?") is None


def shown(**changes) -> Shown:
    told = {"house": "h", "door": "d", "name": "Front", "model": "M", "battery": 80}
    return Shown(**{**told, "bolt": Bolt.LOCKED, **changes})


def test_a_shared_door_is_a_lock_with_a_battery() -> None:
    told = wire.messages(shown())
    config = json.loads(told["homeassistant/device/lodge_d/config"])
    assert config["cmps"]["lock"]["cmd_t"] == "lodge/h/d/set"
    assert told["lodge/h/d/state"] == b"LOCKED"
    assert told["lodge/h/d/battery"] == b"80"


def test_a_door_behind_which_somebody_lives_shows_no_bolt() -> None:
    told = wire.messages(shown(bolt=None))
    config = json.loads(told["homeassistant/device/lodge_d/config"])
    assert config["cmps"]["lock"] == {"p": "lock"}
    assert told["lodge/h/d/state"] == b""


def test_our_own_doors_do_not_come_back_as_locks() -> None:
    told = wire.messages(shown())
    for topic, payload in told.items():
        assert found(topic, payload) == []
