"""Locks of many makes as they announce themselves to Home Assistant, over a Mosquitto.

The shapes are those that zwave-js-ui, Nuki's own firmware, nuki_hub, a second
zigbee2mqtt, ttlock2mqtt, TTLock's add-on, HomeKey-ESP32, ESPHome, ArduinoHA and keyble
publish; names and addresses are nobody's.
"""

import json
from dataclasses import dataclass, field

import pytest

from devices.model.locks import Bolt
from devices.model.places import LockId
from gateway.demo.programs import BrokerProgram, mosquitto
from gateway.wiring.box import Gateway
from tests.system.test_broker_link import until
from tests.system.test_other_locks import heard, listening, said

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
LOCKED, UNLOCKED, UNLATCHED = Bolt.LOCKED, Bolt.UNLOCKED, Bolt.UNLATCHED
MOVING = STUCK = Bolt.NOT_FULLY_LOCKED
UNKNOWN = Bolt.UNKNOWN


@dataclass(frozen=True)
class Make:
    """What a make announces, says and is told; `says` is payload to bolt, in order."""

    name: str
    topic: str
    config: dict
    lock: str
    command: tuple[str, bytes]
    state: str
    says: list[tuple[str, Bolt]]
    there: list[tuple[str, str, bool | None]] = field(default_factory=list)


ZWAVE = Make(
    "zwave-js-ui",
    "homeassistant/lock/Front_Door/lock/config",
    {
        "command_topic": "zwave/Front_Door/98/0/targetMode/set",
        "state_locked": 255,
        "state_unlocked": 0,
        "payload_lock": 255,
        "payload_unlock": 0,
        "value_template": "{{ value_json.value }}",
        "state_topic": "zwave/Front_Door/98/0/currentMode",
        "availability": [
            {
                "payload_available": "true",
                "payload_not_available": "false",
                "topic": "zwave/Front_Door/status",
                "value_template": "{{'true' if value_json.value else 'false'}}",
            },
            {
                "topic": "zwave/_CLIENTS/ZWAVE_GATEWAY-x/status",
                "value_template": "{{'online' if value_json.value else 'offline'}}",
            },
            {
                "payload_available": "true",
                "payload_not_available": "false",
                "topic": "zwave/driver/status",
            },
        ],
        "availability_mode": "all",
        "json_attributes_topic": "zwave/Front_Door/98/0/currentMode",
        "device": {"identifiers": ["zwavejs2mqtt_0xe_node9"], "name": "Front_Door"},
        "name": "Front_Door_lock",
        "unique_id": "zwavejs2mqtt_0xe_9-98-0-currentMode",
    },
    "ha:zwavejs2mqtt_0xe_9-98-0-currentMode",
    ("zwave/Front_Door/98/0/targetMode/set", b"0"),
    "zwave/Front_Door/98/0/currentMode",
    [
        ('{"time":1718595363115,"value":255}', LOCKED),
        ('{"time":1718595363115,"value":254}', LOCKED),
        ('{"time":1718595363115,"value":0}', UNLOCKED),
        ('{"time":1718595363115,"value":null}', UNKNOWN),
    ],
    [
        ("zwave/Front_Door/status", '{"value":true,"status":"Alive"}', None),
        ("zwave/_CLIENTS/ZWAVE_GATEWAY-x/status", '{"value":true}', None),
        ("zwave/driver/status", "true", True),
        ("zwave/_CLIENTS/ZWAVE_GATEWAY-x/status", '{"value":false}', False),
        ("zwave/_CLIENTS/ZWAVE_GATEWAY-x/status", '{"value":true}', True),
        ("zwave/Front_Door/status", '{"value":false,"status":"Dead"}', False),
    ],
)
NUKI = Make(
    "nuki",
    "homeassistant/lock/2FFF94F4_lock/config",
    {
        "~": "nuki/2FFF94F4",
        "avty_t": "~/connected",
        "pl_avail": "true",
        "pl_not_avail": "false",
        "dev": {"ids": "[2FFF94F4]", "mf": "Nuki", "name": "VD", "mdl": "3.0 Pro"},
        "name": "VD",
        "uniq_id": "2FFF94F4_lock",
        "cmd_t": "~/lockAction",
        "pl_lock": "2",
        "pl_unlk": "1",
        "pl_open": "3",
        "stat_t": "~/state",
        "stat_locked": "1",
        "stat_locking": "4",
        "stat_unlocked": "3",
        "stat_unlocking": "2",
        "stat_jam": "254",
        "val_tpl": '{% if value in ("5","6","7") %}3{% else %}{{value}}{% endif %}',
    },
    "ha:2FFF94F4_lock",
    ("nuki/2FFF94F4/lockAction", b"3"),
    "nuki/2FFF94F4/state",
    [
        ("1", LOCKED),
        ("2", MOVING),
        ("3", UNLOCKED),
        ("254", STUCK),
        ("255", STUCK),
        ("6", UNLOCKED),
        ("1", LOCKED),
        ("5", UNLOCKED),
    ],
    [
        ("nuki/2FFF94F4/connected", "true", True),
        ("nuki/2FFF94F4/connected", "false", False),
    ],
)
HUB = Make(
    "nuki_hub",
    "homeassistant/lock/3a7d95ec/smartlock/config",
    {
        "dev": {"ids": ["nuki_3a7d95ec"], "mdl": "SmartLock", "name": "Front"},
        "~": "nuki/lock",
        "name": None,
        "unique_id": "3a7d95ec_lock",
        "cmd_t": "~/action",
        "avty": [{"t": "nuki/maintenance/mqttConnectionState"}],
        "pl_lock": "lock",
        "pl_unlk": "unlock",
        "pl_open": "unlatch",
        "stat_t": "~/hastate",
        "stat_jam": "jammed",
        "stat_locked": "locked",
        "stat_locking": "locking",
        "stat_unlocked": "unlocked",
        "stat_unlocking": "unlocking",
        "stat_open": "open",
        "stat_opening": "opening",
        "opt": "false",
    },
    "ha:3a7d95ec_lock",
    ("nuki/lock/action", b"unlatch"),
    "nuki/lock/hastate",
    [
        ("locked", LOCKED),
        ("opening", MOVING),
        ("open", UNLATCHED),
        ("undefined", UNLATCHED),
        ("jammed", STUCK),
        ("locked", LOCKED),
    ],
    [
        ("nuki/maintenance/mqttConnectionState", "online", True),
        ("nuki/maintenance/mqttConnectionState", "offline", False),
    ],
)
SECOND = Make(
    "a second zigbee2mqtt",
    "homeassistant/lock/0x000b57fffe/lock/config",
    {
        "availability": [
            {
                "topic": "z2m-attic/bridge/state",
                "value_template": "{{ value_json.state }}",
            },
            {
                "topic": "z2m-attic/Back Door/availability",
                "value_template": "{{ value_json.state }}",
            },
        ],
        "availability_mode": "all",
        "command_topic": "z2m-attic/Back Door/set",
        "device": {"identifiers": ["zigbee2mqtt_0x000b57fffe"], "name": "Back Door"},
        "name": None,
        "origin": {"name": "Zigbee2MQTT", "sw": "2.14.1"},
        "state_locked": "LOCK",
        "state_unlocked": "UNLOCK",
        "state_topic": "z2m-attic/Back Door",
        "unique_id": "0x000b57fffe_lock_z2m-attic",
        "value_template": '{{ value_json["state"] }}',
    },
    "ha:0x000b57fffe_lock_z2m-attic",
    ("z2m-attic/Back Door/set", b"UNLOCK"),
    "z2m-attic/Back Door",
    [
        ('{"battery":36,"lock_state":"locked","state":"LOCK"}', LOCKED),
        ('{"battery":35}', LOCKED),
        ('{"lock_state":"not_fully_locked","state":"UNLOCK"}', UNLOCKED),
        ('{"state":null}', UNKNOWN),
    ],
    [
        ("z2m-attic/Back Door/availability", '{"state":"online"}', None),
        ("z2m-attic/bridge/state", "online", True),
        ("z2m-attic/bridge/state", '{"state":"offline"}', False),
    ],
)
TTLOCK = Make(
    "ttlock2mqtt",
    "homeassistant/lock/ttlock2mqtt/123/config",
    {
        "command_topic": "ttlock2mqtt/123/command",
        "state_topic": "ttlock2mqtt/123/state",
        "name": "Hall",
        "unique_id": "123",
        "device": {"name": "Hall", "model": "S31", "identifiers": ["x", "123"]},
    },
    "ha:123",
    ("ttlock2mqtt/123/command", b"UNLOCK"),
    "ttlock2mqtt/123/state",
    [("LOCKED", LOCKED), ("UNLOCKED", UNLOCKED), ("LOCK", UNLOCKED)],
)
ADDON = Make(
    "the TTLock add-on",
    "homeassistant/lock/aabbccddeeff/lock/config",
    {
        "unique_id": "ttlock_aabbccddeeff",
        "name": "Side",
        "device": {"identifiers": ["ttlock_aabbccddeeff"], "name": "Side"},
        "state_topic": "ttlock/aabbccddeeff",
        "command_topic": "ttlock/aabbccddeeff/set",
        "payload_lock": "LOCK",
        "payload_unlock": "UNLOCK",
        "state_locked": "LOCK",
        "state_unlocked": "UNLOCK",
        "value_template": "{{ value_json.state }}",
        "optimistic": False,
        "retain": False,
    },
    "ha:ttlock_aabbccddeeff",
    ("ttlock/aabbccddeeff/set", b"UNLOCK"),
    "ttlock/aabbccddeeff",
    [
        ('{"battery":80,"rssi":-70,"state":"LOCK"}', LOCKED),
        ('{"battery":80,"rssi":-71}', LOCKED),
        ('{"state":"UNLOCK"}', UNLOCKED),
    ],
)
HOMEKEY = Make(
    "HomeKey-ESP32",
    "homeassistant/lock/ESP_00C0FFEE/lock/config",
    {
        "name": "Lock",
        "unique_id": "HK-00C0FFEE",
        "device": {"identifiers": ["HK-00C0FFEE"], "model": "HomeKey-ESP32"},
        "state_topic": "ESP_00C0FFEE/homekit/state",
        "command_topic": "ESP_00C0FFEE/homekit/set_target_state",
        "payload_lock": "1",
        "payload_unlock": "0",
        "state_locked": "1",
        "state_unlocked": "0",
        "state_locking": "5",
        "state_unlocking": "4",
        "state_jammed": "2",
        "availability_topic": "ESP_00C0FFEE/status",
    },
    "ha:HK-00C0FFEE",
    ("ESP_00C0FFEE/homekit/set_target_state", b"0"),
    "ESP_00C0FFEE/homekit/state",
    [("1", LOCKED), ("4", MOVING), ("0", UNLOCKED), ("3", UNLOCKED), ("2", STUCK)],
    [("ESP_00C0FFEE/status", "online", True), ("ESP_00C0FFEE/status", "?", True)],
)
ESPHOME = Make(
    "ESPHome",
    "homeassistant/lock/front/front_door/config",
    {
        "name": "",
        "stat_t": "front/lock/front_door/state",
        "cmd_t": "front/lock/front_door/command",
        "avty_t": "front/status",
        "pl_open": "OPEN",
        "uniq_id": "aabbccddeeff-lock-1a2b3c4d",
        "dev": {"ids": "aabbccddeeff", "name": "front", "mdl": "esp32dev"},
    },
    "ha:aabbccddeeff-lock-1a2b3c4d",
    ("front/lock/front_door/command", b"OPEN"),
    "front/lock/front_door/state",
    [
        ("LOCKED", LOCKED),
        ("UNLOCKING", MOVING),
        ("UNLOCKED", UNLOCKED),
        ("NONE", UNLOCKED),
        ("JAMMED", STUCK),
    ],
    [("front/status", "online", True), ("front/status", "offline", False)],
)
ARDUINO = Make(
    "ArduinoHA",
    "homeassistant/lock/testDevice/uniqueLock/config",
    {
        "uniq_id": "uniqueLock",
        "dev": {"ids": "testDevice"},
        "stat_t": "testData/testDevice/uniqueLock/stat_t",
        "cmd_t": "testData/testDevice/uniqueLock/cmd_t",
    },
    "ha:uniqueLock",
    ("testData/testDevice/uniqueLock/cmd_t", b"UNLOCK"),
    "testData/testDevice/uniqueLock/stat_t",
    [("LOCKED", LOCKED), ("UNLOCKED", UNLOCKED)],
)
KEYBLE = Make(
    "keyble",
    "homeassistant/lock/keyble/config",
    {"name": "keyble", "command_topic": "homeassistant/lock/keyble/command"},
    "ha:keyble",
    ("homeassistant/lock/keyble/command", b"UNLOCK"),
    "",
    [],
)
SHELLY = Make(
    "a relay with words of JSON",
    "homeassistant/device/shelly1/config",
    {
        "dev": {"ids": ["shelly1"], "name": "Strike"},
        "o": {"name": "me"},
        "stat_t": "shelly1/status/switch:0",
        "avty": {"t": "shelly1/online", "pl_avail": True, "pl_not_avail": False},
        "cmps": {
            "bolt": {
                "p": "lock",
                "uniq_id": "shelly1-bolt",
                "cmd_t": "shelly1/rpc",
                "cmd_tpl": '{"method":"Switch.Set","params":{"on":{{ value }}}}',
                "pl_unlk": "true",
                "val_tpl": "{{ value_json.output }}",
                "stat_locked": False,
                "stat_unlocked": True,
            },
            "gone": {"p": "lock"},
            "power": {"p": "sensor", "uniq_id": "p", "stat_t": "x"},
        },
    },
    "ha:shelly1-bolt",
    ("shelly1/rpc", b'{"method":"Switch.Set","params":{"on":true}}'),
    "shelly1/status/switch:0",
    [('{"id":0,"output":false}', LOCKED), ('{"id":0,"output":true}', UNLOCKED)],
    [("shelly1/online", "True", True), ("shelly1/online", "False", False)],
)
MAKES = [
    ZWAVE,
    NUKI,
    HUB,
    SECOND,
    TTLOCK,
    ADDON,
    HOMEKEY,
    ESPHOME,
    ARDUINO,
    KEYBLE,
    SHELLY,
]


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
async def test_a_make_is_read_and_told_as_it_wants(
    box: Gateway, broker: BrokerProgram, make: Make
) -> None:
    lock, locks = LockId(make.lock), box.services.locks
    async with listening(broker, make.command[0]) as client:
        await client.publish(make.topic, json.dumps(make.config), qos=1)
        await until(lambda: lock in locks.seen)
        assert locks.seen[lock].reachable is None
        for topic, told, there in make.there:
            await client.publish(topic, told, qos=1)
            await heard(box, client)
            assert locks.seen[lock].reachable is there, (topic, told)
        for told, bolt in make.says:
            await client.publish(make.state, told, qos=1)
            await heard(box, client)
            assert locks.seen[lock].bolt is bolt, told
        await locks.release(lock)
        assert await said(client) == make.command
