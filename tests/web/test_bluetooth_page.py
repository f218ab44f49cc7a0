"""The phone's page opens over Web Bluetooth, in a real browser.

Chromium emulates the adapter and the door's GATT table; what the door says and how it
judges an answer are Lodge's own wire format and rules. Its emulation has no word for a
notification, so that one event is given to the page's own listener.
"""

import base64
import os
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, CDPSession, Page

from devices.model.places import DoorId
from devices.rules.tokens import answer_to, signed
from firmware_bridge.ble import frames
from gateway.demo.programs import mosquitto
from gateway.demo.story import Story
from tests.web.conftest import Visitor, enter, visitor
from tests.web.test_door_pages import holder_of

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]
ADDRESS = "09:09:09:09:09:09"
SUCCESS = 0
CONFIGURATION = "00002902-0000-1000-8000-00805f9b34fb"
# The page's characteristic is at hand once it has asked for its notifications.
WATCH = """
const start = BluetoothRemoteGATTCharacteristic.prototype.startNotifications;
BluetoothRemoteGATTCharacteristic.prototype.startNotifications = function () {
  window.result = this;
  return start.call(this);
};
"""
NOTIFY = """(bytes) => {
  const value = new DataView(Uint8Array.from(bytes).buffer);
  Object.defineProperty(window.result, "value", { value, configurable: true });
  window.result.dispatchEvent(new Event("characteristicvaluechanged"));
}"""
PROPERTIES = (
    (frames.CHALLENGE, "read"),
    (frames.ANSWER, "write"),
    (frames.RESULT, "notify"),
)


@dataclass
class EmulatedDoor:
    """The door's end of the air, as Chromium's own emulation of Bluetooth wants it."""

    browser: CDPSession
    page: CDPSession
    tab: Page
    door: str
    root: bytes
    refusal: str | None = None
    heard: list[frames.Answered] = field(default_factory=list)
    nonce: bytes = b""
    prompts: set[str] = field(default_factory=set)
    joiner: frames.Joiner = field(default_factory=frames.Joiner)

    async def appear(self) -> None:
        await self.say("enable", state="powered-on", leSupported=True)
        told = {"address": ADDRESS, "name": "Lodge", "manufacturerData": []}
        await self.say(
            "simulatePreconnectedPeripheral",
            **told,
            knownServiceUuids=[frames.SERVICE],
        )
        self.on("gattOperationReceived", self._gatt)
        self.on("characteristicOperationReceived", self._asked)
        service = await self.say(
            "addService", address=ADDRESS, serviceUuid=frames.SERVICE
        )
        for uuid, able in PROPERTIES:
            made = await self.say(
                "addCharacteristic",
                serviceId=service["serviceId"],
                characteristicUuid=uuid,
                properties={able: True},
            )
            if able == "notify":
                made["descriptorUuid"] = CONFIGURATION
                await self.say("addDescriptor", **made)
        await self.page.send("DeviceAccess.enable")
        self.page.on("DeviceAccess.deviceRequestPrompted", self._choose)

    async def say(self, word: str, **told):
        return await self.browser.send(f"BluetoothEmulation.{word}", told)

    def on(self, event: str, act) -> None:
        self.browser.on(f"BluetoothEmulation.{event}", act)

    async def _choose(self, prompt) -> None:
        # Asked again with each advertisement; a choice made twice ends the browser.
        if prompt["id"] in self.prompts or not prompt["devices"]:
            return
        self.prompts.add(prompt["id"])
        [device] = prompt["devices"]
        await self.page.send(
            "DeviceAccess.selectPrompt", {"id": prompt["id"], "deviceId": device["id"]}
        )

    async def _gatt(self, event) -> None:
        told = {"address": ADDRESS, "type": event["type"], "code": SUCCESS}
        await self.say("simulateGATTOperationResponse", **told)

    async def _asked(self, event) -> None:
        more, kind = {}, event["type"]
        if kind == "read":
            self.nonce = os.urandom(frames.NONCE)
            more["data"] = _text(frames.Asked(self.nonce, self.door).encode())
        await self.say(
            "simulateCharacteristicOperationResponse",
            characteristicId=event["characteristicId"],
            type=kind,
            code=SUCCESS,
            **more,
        )
        if kind == "write":
            chunk = base64.b64decode(event["data"])
            assert len(chunk) <= 244
            for message in self.joiner.feed(chunk):
                await self._judge(message)

    async def _judge(self, message: bytes) -> None:
        answer = frames.Answered.decode(message)
        assert answer is not None
        self.heard.append(answer)
        holder = holder_of(answer.token, self.root)
        told = answer_to(DoorId(self.door), self.nonce, answer.token)
        assert answer.nonce == self.nonce
        assert signed(holder, answer.signature, told)
        await self.tab.evaluate(NOTIFY, list(frames.result(self.refusal)))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


async def with_a_key(story: Story, chromium: Browser, language: str) -> Visitor:
    box = story.addresses["box"]
    tenant = await visitor(chromium, language, "light")
    await enter(tenant, story.first.browser.client.cookies, box)
    await tenant.page.add_init_script(WATCH)
    await tenant.page.goto(f"{box}/phone")
    await tenant.page.click("#bind")
    await tenant.page.wait_for_selector("#with:visible")
    return tenant


@pytest.mark.parametrize(
    ("language", "frozen"), [("zh-CN", "已冻结"), ("en", "the key is frozen")]
)
async def test_the_page_opens_over_bluetooth_and_says_why_it_does_not(
    lived_in: Story, chromium: Browser, language: str, frozen: str
) -> None:
    tenant = await with_a_key(lived_in, chromium, language)
    page = tenant.page
    root = bytes.fromhex(await page.evaluate("kept().then((key) => key.root)"))
    adapter = await chromium.new_browser_cdp_session()
    session = await tenant.context.new_cdp_session(page)
    door = EmulatedDoor(adapter, session, page, await page.input_value("#door"), root)
    await door.appear()
    await page.click("#tap")
    await page.wait_for_selector("#opened:visible")
    await tenant.show("bluetooth-opened")
    door.refusal = "frozen"
    await page.click("#tap")
    await page.wait_for_selector("#failed:visible")
    assert frozen in await page.inner_text("#failed")
    await tenant.show("bluetooth-refused")
    assert len(door.heard) == 2
    assert door.heard[0].nonce != door.heard[1].nonce
    assert tenant.complaints == []
