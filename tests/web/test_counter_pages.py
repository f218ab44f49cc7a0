"""The counter on both sides: an officer gives a code, a tenant enters it."""

import pytest
from playwright.async_api import Browser

from gateway.demo.scene import FIRST, link_of
from gateway.demo.story import Story
from tests.web.conftest import enter, visitor


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_whoever_goes_to_the_counter_needs_no_landlord(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box, station = story.addresses["box"], story.addresses["station"]
    token, code = link_of(await story.let("101", FIRST["name"]))
    browser = await story.browser(box)
    await browser.send("/t", {"token": token, "code": code})
    await browser.send("/tenant/notice", {"path": "person"})
    await browser.send("/tenant/identify", FIRST)
    officer = await visitor(chromium, language, scheme)
    await enter(officer, story.officer.client.cookies, station)
    await officer.page.goto(f"{station}/counter")
    for field in ("name", "number"):
        await officer.page.fill(f"#{field}", FIRST[field])
    await officer.page.check("[type=checkbox]")
    await officer.page.click("main form button")
    seen = await officer.page.inner_text("#code")
    await officer.show("counter-code")
    who = await visitor(chromium, language, scheme)
    await enter(who, browser.client.cookies, box)
    page = who.page
    await page.goto(f"{box}/tenant")
    await who.show("wait")
    await page.click("a[href='/tenant/counter']")
    await page.fill("#code", "00000000")
    await page.click("form[action='/tenant/counter'] button")
    await who.show("counter-wrong")
    await page.fill("#code", seen)
    await page.click("form[action='/tenant/counter'] button")
    await page.wait_for_selector("form[action='/tenant/send']")
    await who.show("counter-review")
    await page.click("form[action='/tenant/send'] button")
    await page.wait_for_selector("#pin")
    assert (officer.complaints, who.complaints) == ([], [])
