"""Readers and the ID-card reader on the pages, in a real browser."""

import asyncio
import json

import pytest
from playwright.async_api import Browser

from gateway.cli.answers import NO
from gateway.demo.people import found
from gateway.demo.programs import lodge, mosquitto
from gateway.demo.scene import FIRST, link_of
from gateway.demo.serial_story import READER, SerialStory
from tests.web.conftest import Visitor, enter, visitor

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]


async def noticed(story: SerialStory, who: Visitor, room: str) -> Visitor:
    """Lead a tenant up to his document, and give his session to a browser."""
    link, code = link_of(await story.let(room, FIRST["name"]))
    browser = await story.browser(story.addresses["box"])
    await browser.send("/t", {"token": link, "code": code})
    await browser.send("/tenant/notice", {"path": "person"})
    await enter(who, browser.client.cookies, story.addresses["box"])
    await who.page.goto(f"{story.addresses['box']}/tenant")
    return who


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_tenant_puts_his_card_on_the_reader(
    wired: SerialStory, chromium: Browser, language: str, scheme: str
) -> None:
    tenant = await noticed(wired, await visitor(chromium, language, scheme), "101")
    page = tenant.page
    await tenant.show("card-offered")
    await page.click("#card button")
    await page.wait_for_selector("#card[data-step=put_on]")
    await tenant.show("card-put-on")
    other = await noticed(wired, await visitor(chromium, language, scheme), "102")
    await other.page.click("#card button")
    await other.show("card-busy")
    wired.cards.there = True
    await page.wait_for_selector("form[action='/tenant/card/take']")
    await tenant.show("card-read")
    shown = await page.inner_text("#card")
    assert FIRST["name"] in shown
    assert FIRST["number"] not in shown
    await page.click("#card button")
    await page.wait_for_selector("[aria-current=step]")
    await other.page.goto(f"{wired.addresses['box']}/tenant")
    await other.page.click("#card button")
    wired.cards.there = True
    await other.page.wait_for_timeout(1500)
    await other.show("card-take-off")
    assert FIRST["name"] not in await other.page.inner_text("main")
    assert (tenant.complaints, [c for c in other.complaints if "409" not in c]) == (
        [],
        [],
    )


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_a_wired_door_says_what_happens_when_its_line_dies(
    wired: SerialStory, chromium: Browser, language: str, scheme: str
) -> None:
    box = wired.addresses["box"]
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, wired.landlord.client.cookies, box)
    page = await wired.landlord.look(wired.house)
    door = found(r'href="(/landlord/doors/\w{26})"', page)
    await wired.landlord.until(door, "It stays shut")
    await landlord.page.goto(box + door)
    await landlord.show("wired-door")
    await landlord.page.goto(f"{box}{door}/card")
    await landlord.show("wired-door-card")
    assert landlord.complaints == []


async def verb(*words: str) -> tuple[int, object]:
    process = await asyncio.create_subprocess_exec(
        *lodge(*words, "--json"), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return process.returncode, json.loads(told)


async def test_the_verbs_of_readers(wired: SerialStory) -> None:
    told = ("--config", wired.config)
    await wired.wait(lambda: wired.lock.reader.secure, "the reader was not taken in")
    code, readers = await verb("devices", "ls", *told)
    async with asyncio.timeout(60):
        while readers[0]["state"] != "good":
            await asyncio.sleep(0.5)
            code, readers = await verb("devices", "ls", *told)
    assert (code, readers[0]["reader"], readers[0]["state"]) == (0, READER, "good")
    checks = {each["check"]: each for each in (await verb("doctor", *told))[1]}
    assert checks[READER]["ok"]
    assert checks["id card reader"]["ok"]
    wired.lock.reader.address = 9
    wired.lock.reader.key = None
    wired.lock.reader._begin()
    async with asyncio.timeout(60):
        while readers[0]["state"] != "other_address":
            await asyncio.sleep(0.5)
            code, readers = await verb("devices", "ls", *told)
    assert (code, readers[0]["others"]) == (NO, [9])
    fix = ""
    async with asyncio.timeout(60):  # on a busy machine a look may miss the answer
        while "at address 9" not in fix:
            checks = {each["check"]: each for each in (await verb("doctor", *told))[1]}
            fix = checks[READER]["fix"]
    wired.lock.reader.address = 0
    wired.lock.reader._begin()
    code, _ = await verb("devices", "replace", READER, *told)
    assert code == 0
    await wired.wait(lambda: wired.lock.reader.secure, "the reader was not taken in")
