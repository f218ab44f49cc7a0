"""Home Assistant's discovery, ESPHome and Tasmota: the formats alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.announcements import Fault, Unusable
from devices.model.locks import Bolt
from firmware_bridge.mqtt import discovery, plain
from firmware_bridge.mqtt import shown as wire
from firmware_bridge.mqtt.discovery import Found, Gone
from firmware_bridge.mqtt.plain import Health, Plan, Words
from firmware_bridge.mqtt.shown import Shown
from firmware_bridge.mqtt.templates import rendered

ONE = "homeassistant/lock/frontdoor/config"
# As ESPHome and Tasmota document their topics and payloads.
ESPHOME = Plan(
    id="mqtt:yard",
    name="yard",
    command_topic="gate/lock/yard/command",
    state_topic="gate/lock/yard/state",
    health=(Health("gate/status"),),
)
TASMOTA = Plan(
    id="mqtt:strike",
    name="strike",
    command_topic="cmnd/strike/POWER",
    unlock="ON",
    state_topic="stat/strike/POWER",
    words=Words(locked="OFF", unlocked="ON"),
    health=(Health("tele/strike/LWT", "Online", "Offline"),),
)


def found(topic: str, told: object) -> list:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return list(discovery.read(topic, raw))


def plan_of(told: object, topic: str = ONE) -> Plan:
    [only] = found(topic, told)
    assert isinstance(only, Found), only
    return only.plan


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
    plan = plan_of(told)
    assert (plan.id, plan.name, plan.model) == ("ha:zwave-7", "Front door", "M1")
    assert plain.release(plan).payload == b"open"
    assert plain.bolt_of(plan, b'{"lock":{"state":"shut"}}') is Bolt.LOCKED
    assert plain.bolt_of(plan, b'{"lock":"shut"}') is None


def device() -> dict:
    return {
        "dev": {"ids": ["x"], "mdl": "M2", "name": "Hall"},
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
    plan = plan_of(device(), "homeassistant/device/x/config")
    assert (plan.command_topic, plan.state_topic) == ("base/x/set", "base/x/state")
    assert [each.topic for each in plan.health] == ["base/x/status"]
    assert plan.name == "Hall"


def test_a_component_that_is_taken_back_is_gone_alone() -> None:
    told = device()
    told["cmps"]["bolt"] = {"p": "lock"}
    topic = "homeassistant/device/x/config"
    assert found(topic, told) == [Gone(f"{topic}#bolt")]


@pytest.mark.parametrize("nothing", [b"", b'""', b"{}"])
def test_what_is_taken_back_is_gone(nothing: bytes) -> None:
    assert found(ONE, nothing) == [Gone(ONE)]


@pytest.mark.parametrize(
    ("told", "fault", "detail"),
    [
        ({"state_topic": "x"}, Fault.NO_COMMAND_TOPIC, ""),
        ({"command_topic": "x", "val_tpl": "{{ now() }}"}, Fault.TEMPLATE, "now"),
        ({"command_topic": "x", "val_tpl": "{{ x"}, Fault.TEMPLATE, "read"),
        ({"command_topic": "x", "cmd_tpl": "{{ states() }}"}, Fault.TEMPLATE, "states"),
        (
            {"command_topic": "x", "avty": [{"t": "a", "val_tpl": 1}]},
            Fault.TEMPLATE,
            "",
        ),
        ({"command_topic": "x/#"}, Fault.TOPIC, "wildcard"),
        ({"command_topic": "x", "state_topic": "+/y"}, Fault.TOPIC, "wildcard"),
        ({"command_topic": "x", "avty": [{}]}, Fault.TOPIC, "availability"),
        ({"command_topic": ["x"]}, Fault.TOPIC, "command_topic"),
        ({"command_topic": "x", "avty_mode": "most"}, Fault.WORD, "availability_mode"),
        ({"command_topic": "x", "stat_locked": ["y"]}, Fault.WORD, "state_locked"),
        ({"command_topic": "x", "avty": "a"}, Fault.UNREADABLE, "availability"),
        ({"command_topic": "x", "uniq_id": "a+b"}, Fault.NAME, "wildcard"),
        ([1], Fault.UNREADABLE, ""),
        (b"not json", Fault.UNREADABLE, ""),
        (b"[" * 10_000, Fault.UNREADABLE, ""),
        ({"command_topic": "x", "payload_unlock": "\ud800"}, Fault.UNREADABLE, ""),
        ({"command_topic": "x", "dev": {"mdl": "\ud800"}}, Fault.UNREADABLE, ""),
        (b" " * (discovery.LIMIT + 1) + b"x", Fault.UNREADABLE, ""),
    ],
)
def test_a_lock_that_cannot_be_driven_says_why(told, fault, detail) -> None:
    [refused] = found(ONE, told)
    assert isinstance(refused, Unusable)
    assert refused.fault is fault
    assert detail in refused.detail


@pytest.mark.parametrize(
    ("topic", "told"),
    [
        (ONE, {"migrate_discovery": True}),
        ("homeassistant/light/x/config", {"command_topic": "x"}),
        (
            "homeassistant/device/x/config",
            {"cmps": {"lock": {"p": "lock"}}, "o": discovery.ORIGIN},
        ),
    ],
)
def test_what_is_no_lock_is_passed_over(topic: str, told) -> None:
    assert found(topic, told) == []


def test_a_device_with_more_locks_than_a_device_has_is_refused() -> None:
    told = device()
    lock = told["cmps"]["bolt"]
    told["cmps"] = {str(n): {**lock, "uniq_id": str(n)} for n in range(500)}
    [refused] = found("homeassistant/device/x/config", told)
    assert isinstance(refused, Unusable)


def test_without_an_id_a_lock_is_who_announces_it() -> None:
    told = {"command_topic": "x"}
    assert plan_of(told, "homeassistant/lock/one/door/config").id == "ha:one_door"
    assert plan_of(told, "homeassistant/lock/two/door/config").id == "ha:two_door"


def health(mode: str | None, *topics: str) -> Plan:
    told = {"command_topic": "x", "availability": [{"topic": t} for t in topics]}
    return plan_of(told | ({"availability_mode": mode} if mode else {}))


@pytest.mark.parametrize(
    ("mode", "said", "there"),
    [
        ("all", {}, None),
        ("all", {"a": True}, None),
        ("all", {"a": True, "b": True}, True),
        ("all", {"b": False}, False),
        ("any", {"a": False}, None),
        ("any", {"a": False, "b": False}, False),
        ("any", {"b": True}, True),
        ("latest", {"a": False, "b": True}, True),
        (None, {"b": True, "a": False}, False),
    ],
)
def test_several_topics_say_together_whether_a_lock_is_there(mode, said, there) -> None:
    latest = list(said)[-1] if said else ""
    assert plain.reachable(health(mode, "a", "b"), said, latest) is there


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_raise(raw: bytes, topic: str) -> None:
    list(discovery.read(ONE, raw))
    list(discovery.read(topic, raw))
    plain.bolt_of(ESPHOME, raw)
    plain.available(TASMOTA.health[0], raw)


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
        (ESPHOME, b"LOCKING", Bolt.NOT_FULLY_LOCKED),
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
    assert plain.available(ESPHOME.health[0], b"online") is True
    assert plain.available(TASMOTA.health[0], b"Offline") is False
    assert plain.available(TASMOTA.health[0], b"?") is None


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


@pytest.mark.parametrize(
    ("path", "state", "word"),
    [
        ("output", b'{"id":0,"output":true}', "true"),
        ("state", b'{"state":"ON"}', "ON"),
        ("a.b:0.1", b'{"a":{"b:0":[0,255]}}', "255"),
        ("output", b'{"id":0}', ""),
        ("a.b", b'{"id":0}', b'{"id":0}'.decode()),
    ],
)
def test_a_path_leads_into_a_state_that_is_json(path, state, word) -> None:
    assert rendered(plain.into(path), state.decode()) == word
