"""Locks that claim one id, move, are told to open, and are replaced: in a browser."""

import json

import aiomqtt
import pytest
from playwright.async_api import Browser

from gateway.demo.hardware import DEVICES
from gateway.demo.programs import mosquitto
from gateway.demo.story import Story
from tests.system.test_broker_link import person
from tests.web.conftest import Visitor, enter, visitor

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]
STATE = "room102/lock/door/state"


async def announce(client: aiomqtt.Client, room: str, where: str = "", **more) -> None:
    told = {
        "name": "Door",
        "uniq_id": "ESPlockdoor",
        "stat_t": f"{room}/lock/door/state",
        "cmd_t": f"{room}/lock/door/command",
        "avty_t": f"{room}/status",
        **more,
    }
    topic = f"homeassistant/lock/{where or room}/door/config"
    await client.publish(topic, json.dumps(told), qos=1, retain=True)


async def until(landlord: Visitor, what: str) -> None:
    """Look at a page again until it shows something."""
    for _ in range(100):
        await landlord.page.reload()
        if await landlord.page.query_selector(what):
            return
        await landlord.page.wait_for_timeout(200)
    raise AssertionError(what)


async def hang(landlord: Visitor) -> None:
    page = landlord.page
    await page.click("summary >> nth=0")
    await page.click("details >> nth=1 >> summary")
    await landlord.show("house-announced")
    text = await page.inner_text("#lock")
    assert "room101/lock/door/command" in text
    assert "room102/lock/door/command" in text
    await page.fill("#name", "Room 102")
    second = await page.query_selector("#lock option:has-text('room102')")
    await page.select_option("#lock", await second.get_attribute("value"))
    await page.click("[name=room] >> nth=1")
    await page.click("form[action$='/doors'] button")
    await page.wait_for_selector("a:has-text('Room 102')")


async def open_it(landlord: Visitor, client: aiomqtt.Client) -> None:
    """Open, see that the lock has said nothing, and then what it says."""
    page = landlord.page
    await page.click("form[action$='/open'] button")
    await page.wait_for_selector("#opening:not(.good)")
    await landlord.show("door-told")
    await client.publish(STATE, "UNLOCKED", qos=1)
    await page.wait_for_selector("#opening.good")
    await landlord.show("door-opened")


async def follow(landlord: Visitor, client: aiomqtt.Client) -> None:
    """Have the lock announced elsewhere, and say that it is the same one."""
    await announce(client, "moved", "room102")
    await client.publish("room102/status", "offline", qos=1)
    moved = "dd:has-text('moved/lock')"
    await until(landlord, moved)
    await until(landlord, "form[action$='/open']")
    await landlord.show("door-claimed")
    await landlord.page.click(f".note:has({moved}) form[action$='/place'] button")
    await landlord.page.wait_for_selector("dl dd:has-text('moved/lock') >> nth=0")


async def replace(landlord: Visitor, client: aiomqtt.Client) -> None:
    """Put another lock in its place."""
    page = landlord.page
    side = {**DEVICES[0], "ieee_address": "0x00124b00000000aa"}
    listed = json.dumps([*DEVICES, {**side, "friendly_name": "side"}])
    topic = "zigbee2mqtt/bridge/devices"
    await client.publish(topic, listed, qos=1, retain=True)
    await until(landlord, "option:has-text('side')")
    await page.click("summary >> nth=0")
    await landlord.show("door-replace")
    await page.select_option("#lock", side["ieee_address"])
    await page.click("form[action$='/lock'] button")
    await page.wait_for_selector(".note.good")
    await landlord.show("door-replaced")
    await until(landlord, "text=YRD226HA2619")


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_landlord_says_which_lock_is_which(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, story.landlord.client.cookies, box)
    page = landlord.page
    async with person(story.broker) as client:
        await announce(client, "room101")
        await announce(client, "room102")
        await announce(client, "attic", uniq_id="other", val_tpl="{{ now() }}")
        await page.goto(box + story.house)
        await until(landlord, "text=now")
        await hang(landlord)
        await page.click("a:has-text('Room 102')")
        await client.publish("room102/status", "online", qos=1)
        await client.publish(STATE, "LOCKED", qos=1)
        await until(landlord, f"text={'已上锁' if language == 'zh-CN' else 'locked'}")
        await open_it(landlord, client)
        await follow(landlord, client)
        await replace(landlord, client)
    assert landlord.complaints == []
