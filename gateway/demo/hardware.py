"""A lock and a keypad as zigbee2mqtt shows them, simulated."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

BASE = "zigbee2mqtt"
LOCK = "front_lock"
KEYPAD = "front_keypad"
ADDRESS = "0x00124b0022fa1c01"
DEVICES = [
    {
        "ieee_address": ADDRESS,
        "friendly_name": LOCK,
        "type": "EndDevice",
        "definition": {
            "model": "YRD226HA2619",
            "vendor": "Yale",
            "exposes": [
                {"type": "lock", "features": [{"property": "state"}]},
                {"type": "composite", "property": "pin_code"},
                {"type": "numeric", "property": "battery"},
                {"type": "numeric", "property": "auto_relock_time"},
            ],
        },
    },
    {
        "ieee_address": "0x00124b0022fa1c02",
        "friendly_name": KEYPAD,
        "type": "EndDevice",
        "definition": {
            "model": "KEYPAD001",
            "vendor": "Simulated",
            "exposes": [
                {"type": "text", "property": "action_code"},
                {"type": "numeric", "property": "action_transaction"},
            ],
        },
    },
]


@dataclass(slots=True)
class SimulatedLock:
    """Holds PINs in slots, moves its bolt, says so; all at QoS 0, as zigbee2mqtt may.

    `deaf` makes it take commands and do nothing.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    version: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5
    pins: dict[int, str] = field(default_factory=dict)
    bolt: str = "LOCK"
    unlocks: int = 0
    deaf: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)
    _presses: int = 0
    _client: aiomqtt.Client | None = None

    async def run(self) -> None:
        """Answer for ever; come back when the broker was gone."""
        while True:
            with suppress(aiomqtt.MqttError):
                await self._serve()
            await asyncio.sleep(0.2)

    async def open_by_slot(self, slot: int) -> None:
        """Open as after a PIN typed at the lock's own keypad."""
        await self._move("UNLOCK")
        told = {"action": "unlock", "action_user": slot, "action_source": 0}
        await self._say(LOCK, {**told, "action_source_name": "keypad"})

    async def type_code(self, code: str) -> None:
        """Type a code at the keypad beside the door."""
        told = {"action": "disarm", "action_code": code, "action_zone": 0}
        self._presses = (self._presses + 1) % 256
        await self._say(KEYPAD, {**told, "action_transaction": self._presses})

    async def relock(self) -> None:
        """Throw the bolt, as after a while."""
        await self._move("LOCK")

    async def _serve(self) -> None:
        client = aiomqtt.Client(
            self.host,
            self.port,
            username=self.username,
            password=self.password,
            protocol=self.version,
        )
        async with client:
            self._client = client
            await client.subscribe(f"{BASE}/{LOCK}/set")
            await client.subscribe(f"{BASE}/{LOCK}/get")
            await client.subscribe(f"{BASE}/{KEYPAD}/set")
            await client.publish(
                f"{BASE}/bridge/devices", json.dumps(DEVICES), qos=1, retain=True
            )
            for name in (LOCK, KEYPAD):
                topic = f"{BASE}/{name}/availability"
                await client.publish(topic, '{"state":"online"}', retain=True)
            await self._move(self.bolt)
            async for message in client.messages:
                await self._told(message)

    async def _told(self, message: aiomqtt.Message) -> None:
        content = json.loads(bytes(message.payload))
        if self.deaf:
            return
        getting = str(message.topic).endswith("/get")
        match content:
            case {"arm_mode": dict(answer)}:
                self.answers.append(answer)
            case {"state": "UNLOCK" | "LOCK" as state} if not getting:
                self.unlocks += state == "UNLOCK"
                await self._move(state)
            case {"state": _}:
                await self._move(self.bolt)
            case {"pin_code": {"user": int(user)}} if getting:
                status = "enabled" if user in self.pins else "available"
                await self._say(LOCK, {"users": {str(user): {"status": status}}})
            case {"pin_code": {"user": int(user), "pin_code": str(pin)}}:
                self.pins[user] = pin
            case {"pin_code": {"user": int(user), "pin_code": None}}:
                self.pins.pop(user, None)

    async def _move(self, state: str) -> None:
        self.bolt = state
        word = "locked" if state == "LOCK" else "unlocked"
        told = {"state": state, "lock_state": word, "battery": 91, "linkquality": 120}
        await self._say(LOCK, told)

    async def _say(self, name: str, told: dict[str, Any]) -> None:
        assert self._client is not None  # noqa: S101 - says nothing before it runs
        await self._client.publish(f"{BASE}/{name}", json.dumps(told))
