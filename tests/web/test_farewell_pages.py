"""Moving out on a phone: the receipts, and the way back to ask."""

import json

import pytest
from playwright.async_api import Browser

from gateway.demo.scene import FIRST
from gateway.demo.story import Story
from tests.web.conftest import Visitor, enter, visitor


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_whoever_leaves_takes_his_receipts_and_comes_back(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    await story.accepted(1)
    await story.first.browser.send("/tenant/leave", {"sure": "true"})
    who = await visitor(chromium, language, scheme)
    await enter(who, story.first.browser.client.cookies, box)
    page = who.page
    await page.goto(f"{box}/tenant")
    await who.show("left")
    await page.click("a[href='/tenant/farewell']")
    await who.show("receipts")
    await page.click("form[action='/tenant/farewell'] button")
    code = (await page.inner_text("#code")).strip()
    await who.show("farewell")
    async with page.expect_download() as waiting:
        await page.click("a[download]")
    content = json.loads((await (await waiting.value).path()).read_text("utf-8"))
    assert content["receipts"][0]["signature"]
    assert content["box_key"]
    await come_back(who, box, code)
    assert who.complaints == []


async def come_back(who: Visitor, box: str, code: str) -> None:
    page = who.page
    await who.context.clear_cookies()
    await page.goto(f"{box}/ask")
    await page.fill("#code", "0000 0000 0000 0000")
    await page.click("form[action='/ask'] button")
    assert await page.is_visible("[role=alert]")
    await who.show("ask")
    await page.fill("#code", code)
    await page.click("form[action='/ask'] button")
    for _ in range(60):  # until the retention, none here, is over
        await page.goto(f"{box}/tenant/data")
        if FIRST["name"] not in await page.inner_text("main"):
            break
        await page.wait_for_timeout(250)
    assert FIRST["name"] not in await page.inner_text("main")
    await page.fill("#text", "Is everything gone?")
    await page.click("form[action='/tenant/requests'] button")
    assert "Is everything gone?" in await page.inner_text("#requests")
    await who.show("asked-later")
