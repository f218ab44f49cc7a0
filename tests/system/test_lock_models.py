"""Real locks' messages and commands, by zigbee2mqtt's own converters on Node."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from devices.model.locks import Bolt, ReadBack
from devices.model.tasks import Incident
from firmware_bridge.drivers.presses import GOOD, SHUT
from firmware_bridge.drivers.presses import WRONG as WRONG_CODE
from firmware_bridge.mqtt import zigbee2mqtt as wire
from firmware_bridge.mqtt.lock_models import MODELS
from firmware_bridge.mqtt.messages import (
    Contact,
    LastUser,
    Opened,
    Programmed,
    Role,
    Sensed,
    Slot,
    State,
    Stored,
    Told,
    WrongCode,
)
from tests.conftest import CACHE

ORACLE = Path(__file__).parents[1] / "oracle" / "oracle.js"
MODULES = CACHE / "oracle" / "node_modules"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(
        NODE is None or not MODULES.is_dir(),
        reason="the converters are not installed: run `make test`",
    ),
]
BASE = "zigbee2mqtt"
PIN = "004711"
# Zigbee names of a Yale YRD226, Schlage, Danalock, two Kwiksets, Nimly, EasyCode.
ZCL = {
    "YRD226 TSDB": 250,
    "BE468": 30,
    "V3-BTZB": 20,
    "SMARTCODE_DEADBOLT_5_L": 0,
    "SMARTCODE_DEADBOLT_5": 30,
    "NimlyPRO": 1000,
    "easyCodeTouch_v1": 1000,
}
WITH_PINS = {model: slots for model, slots in ZCL.items() if slots}
ANSWERING = {"YRD226 TSDB", "BE468", "V3-BTZB", "SMARTCODE_DEADBOLT_5"}
AQARA = ("lumi.lock.acn02", "lumi.lock.aq1", "lumi.lock.acn03")
# ZCL, Door Lock cluster, operation event codes (table 7-23): those that open.
OPENING = {2, 9, 12, 14}
WRONG = {3, 4, 5, 6}


def asks(models=(), messages=(), commands=(), *, locks=False, keypads=False):
    asked = {
        "locks": locks,
        "keypads": keypads,
        "models": list(models),
        "messages": list(messages),
        "commands": list(commands),
    }
    done = subprocess.run(
        [NODE, str(ORACLE), str(MODULES)],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=True,
        timeout=50,
    )
    return json.loads(done.stdout)


def lock_says(model: str, kind: str, data, cluster: str = "closuresDoorLock"):
    told = {"zigbee_model": model, "cluster": cluster, "type": kind, "data": data}
    return {"options": {}, **told}


def read(payload) -> list:
    raw = json.dumps(payload).encode()
    return list(wire.read(BASE, f"{BASE}/front", raw, retained=False))


def understood(messages):
    return zip(messages, map(read, asks(messages=messages)["messages"]), strict=True)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("model", ZCL)
def test_a_bolt_is_what_the_lock_says(model: str) -> None:
    messages = [
        lock_says(model, "attributeReport", {"lockState": state}) for state in range(3)
    ]
    found = [of(State, events)[0].bolt for _, events in understood(messages)]
    assert found == [Bolt.NOT_FULLY_LOCKED, Bolt.LOCKED, Bolt.UNLOCKED]


@pytest.mark.parametrize("model", sorted(set(ZCL) - {"SMARTCODE_DEADBOLT_5_L"}))
def test_every_operation_is_booked_as_what_it_is(model: str) -> None:
    messages = [
        lock_says(
            model,
            "commandOperationEventNotification",
            {"opereventcode": code, "userid": 7, "opereventsrc": source},
        )
        for code in range(16)
        for source in range(5)
    ]
    for message, events in understood(messages):
        code = message["data"]["opereventcode"]
        source = message["data"]["opereventsrc"]
        opened = of(Opened, events)
        assert bool(opened) is (code in OPENING), code
        assert bool(of(WrongCode, events)) is (code in WRONG), code
        if opened:
            # Source 0 is the keypad: only then is the user one of our slots.
            assert opened[0].slot == (7 if source == 0 else None)


@pytest.mark.parametrize("model", sorted(ANSWERING))
def test_a_slots_answer_is_understood(model: str) -> None:
    messages = [
        lock_says(
            model,
            "commandGetPinCodeRsp",
            {"userid": slot, "userstatus": status, "pincodevalue": PIN},
        )
        for slot in (1, 19)
        for status in (0, 1, 3)
    ]
    for message, events in understood(messages):
        [state] = of(State, events)
        slot, status = message["data"]["userid"], message["data"]["userstatus"]
        assert state.slots == (Slot(slot, status != 0),)
        assert PIN not in repr(events)


@pytest.mark.parametrize("model", sorted(ANSWERING | {"NimlyPRO"}))
def test_codes_changed_at_the_lock_are_asked_about(model: str) -> None:
    messages = [
        lock_says(
            model,
            "commandProgrammingEventNotification",
            {"programeventcode": code, "userid": 4, "programeventsrc": 0},
        )
        for code in range(1, 5)
    ]
    for _, events in understood(messages):
        assert of(Programmed, events) == [Programmed("front", 4)]


@pytest.mark.parametrize("model", ["NimlyPRO", "easyCodeTouch_v1"])
def test_the_last_user_of_a_nimly_is_read(model: str) -> None:
    keypad_unlock_by_9 = 0x02020009
    message = lock_says(model, "attributeReport", {"256": keypad_unlock_by_9})
    [(_, events)] = understood([message])
    assert of(LastUser, events) == [LastUser("front", 9, "keypad")]


def test_an_easycode_tells_that_it_stored_a_code() -> None:
    messages = [
        lock_says("easyCodeTouch_v1", kind, {"status": 0})
        for kind in ("commandSetPinCodeRsp", "commandClearPinCodeRsp")
    ]
    found = [of(Stored, events)[0].cleared for _, events in understood(messages)]
    assert found == [False, True]


@pytest.mark.parametrize("code", range(3))
def test_an_easycode_word_of_its_own_is_understood(code: int) -> None:
    raw = base64.b64encode(bytes([0, 0, 0, 0, code])).decode()
    message = lock_says("easyCodeTouch_v1", "raw", {"base64": raw})
    [(_, events)] = understood([message])
    assert bool(of(Opened, events)) is (code > 0)


@pytest.mark.parametrize("model", AQARA[:1])
@pytest.mark.parametrize(
    ("raw", "bolt", "opened"),
    [
        ("000000" + "0111", Bolt.LOCKED, False),
        ("000000" + "0b00", Bolt.UNLOCKED, True),
        ("000000" + "0c00", Bolt.UNLOCKED, True),
    ],
)
def test_an_aqara_that_only_tells_is_understood(model, raw, bolt, opened) -> None:
    # The converter reads the attribute as ASCII: characters with these codes.
    data = {"65526": bytes.fromhex(raw.replace("b", "B")).decode("latin-1")}
    [(_, events)] = understood([lock_says(model, "attributeReport", data)])
    assert of(State, events)[0].bolt is bolt
    assert bool(of(Opened, events)) is opened


def test_an_aqara_names_its_own_user_and_not_ours() -> None:
    password_by_user_3 = 0x22000003
    message = lock_says(
        "lumi.lock.aq1", "attributeReport", {"65296": password_by_user_3}
    )
    [(_, events)] = understood([message])
    [opened] = of(Opened, events)
    assert opened.source == "keypad"


@pytest.mark.parametrize("model", sorted(ZCL))
def test_a_battery_is_a_percentage(model: str) -> None:
    message = lock_says(
        model,
        "attributeReport",
        {"batteryPercentageRemaining": 90},
        cluster="genPowerCfg",
    )
    [(_, events)] = understood([message])
    assert 0 < of(State, events)[0].battery <= 100


def test_a_jammed_or_forced_door_is_an_alarm() -> None:
    messages = [
        lock_says("YRD226 TSDB", "attributeReport", {"doorState": state})
        for state in range(4)
    ]
    found = [events[1:] for _, events in understood(messages)]
    assert found == [
        [Contact("front", open=True)],
        [Contact("front", open=False)],
        [Sensed("front", Incident.LOCK_JAMMED, on=True)],
        [Sensed("front", Incident.FORCED_OPEN, on=True)],
    ]


def test_every_lock_is_found_with_no_more_slots_than_it_has() -> None:
    models = [*ZCL, *AQARA]
    told = asks(models=models)["devices"]
    entries = [
        {"ieee_address": name, "friendly_name": name, "definition": each}
        for name, each in told.items()
    ]
    raw = json.dumps(entries).encode()
    [found] = wire.read(BASE, f"{BASE}/bridge/devices", raw, retained=True)
    known = {device.address: device for device in found.devices}
    assert set(known) == set(models)
    for name, device in known.items():
        assert device.role is Role.LOCK
        assert device.slots <= told[name]["slots"], name
        assert bool(device.slots) is bool(told[name]["slots"]), name
        blind = name in {"NimlyPRO", "easyCodeTouch_v1"}
        assert (device.read_back is ReadBack.NEVER) is blind


def test_every_lock_that_the_converters_know_is_in_the_table() -> None:
    known = asks(locks=True)["locks"]
    pins = {each["model"]: each["slots"] for each in known if each["pins"]}
    assert len(known) > 45
    assert set(pins) == set(MODELS)
    for model, slots in pins.items():
        ours = MODELS[model]
        # One takes PINs in a single slot of four.
        assert ours.slots == (2 if model == "DLM-300Z" else slots), model
        assert 1 <= ours.first < ours.slots
        assert 4 <= ours.digits.least <= ours.digits.most
    entries = [
        {"ieee_address": str(n), "friendly_name": str(n), "definition": each}
        for n, each in enumerate(known)
    ]
    raw = json.dumps(entries).encode()
    [found] = wire.read(BASE, f"{BASE}/bridge/devices", raw, retained=True)
    assert len(found.devices) == len(known)
    for device, told in zip(found.devices, known, strict=True):
        assert device.role is Role.LOCK
        assert bool(device.slots) is told["pins"], told["model"]
        blind = told["vendor"] == "Onesti Products AS"
        assert (device.read_back is ReadBack.NEVER) is blind
        assert (device.first_slot == 3) is blind


def command(model: str, told: Told):
    verb = told.topic.rsplit("/", 1)[1]
    payload = json.loads(told.payload)
    return {"zigbee_model": model, "verb": verb, "payload": payload}


def test_every_lock_takes_every_command() -> None:
    slots = {model: (1, slots - 1) for model, slots in WITH_PINS.items()}
    asked, wanted = [], []
    for model in ZCL:
        asked.append(command(model, wire.release(BASE, "front")))
        wanted.append("unlockDoor")
        asked.append(command(model, wire.ask_state(BASE, "front")))
        wanted.append("read")
        for slot in slots.get(model, ()):
            for told, name in (
                (wire.write_pin(BASE, "front", slot, PIN), "setPinCode"),
                (wire.clear_pin(BASE, "front", slot), "clearPinCode"),
                (wire.ask_slot(BASE, "front", slot), "getPinCode"),
            ):
                asked.append(command(model, told))
                wanted.append(name)
    answers = asks(commands=asked)["commands"]
    for each, name, answer in zip(asked, wanted, answers, strict=True):
        assert "error" not in answer, (each, answer)
        [sent] = answer["sent"]
        assert sent["name"] == name
        if name == "setPinCode":
            payload = sent["payload"]
            assert payload["pincodevalue"] == PIN
            assert (payload["userstatus"], payload["usertype"]) == (1, 0)


def test_every_keypad_that_takes_answers_is_given_them_in_its_form() -> None:
    known = asks(keypads=True)["keypads"]
    entries = [
        {"ieee_address": str(n), "friendly_name": str(n), "definition": each}
        for n, each in enumerate(known)
    ]
    raw = json.dumps(entries).encode()
    [found] = wire.read(BASE, f"{BASE}/bridge/devices", raw, retained=True)
    assert len(known) >= 7
    assert [device.role for device in found.devices] == [Role.KEYPAD] * len(known)
    assert [d.answers for d in found.devices] == [each["answered"] for each in known]
    asked = [
        command(each["zigbee_model"], wire.keypad_answer(BASE, "pad", 9, mode))
        for each in known
        for mode in (GOOD, WRONG_CODE, SHUT)
    ]
    for each, answer in zip(asked, asks(commands=asked)["commands"], strict=True):
        assert "error" not in answer, (each, answer)
        [sent] = answer["sent"]
        assert (sent["name"], sent["transaction"]) == ("armRsp", 9)


def test_a_slot_that_a_lock_has_not_is_refused_by_the_oracle() -> None:
    told = wire.write_pin(BASE, "front", 20, PIN)
    [answer] = asks(commands=[command("V3-BTZB", told)])["commands"]
    assert "range" in answer["error"]
