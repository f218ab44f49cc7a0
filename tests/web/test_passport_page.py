"""A passport's lines, typed on a phone, read into the form and never sent unseen."""

import pytest
from playwright.async_api import Browser

from gateway.demo.scene import link_of
from gateway.demo.story import Story
from tests.unit.test_mrz import DUPONT
from tests.web.conftest import enter, visitor


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_passports_lines_are_read_and_compared(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box = story.addresses["box"]
    token, code = link_of(await story.let("101", "M. D."))
    browser = await story.browser(box)
    await browser.send("/t", {"token": token, "code": code})
    await browser.send("/tenant/notice", {"path": "person"})
    who = await visitor(chromium, language, scheme)
    await enter(who, browser.client.cookies, box)
    page = who.page
    await page.goto(f"{box}/tenant")
    await page.click("summary")
    await page.fill("#lines", DUPONT[:-1])
    await page.click("form[action='/tenant/passport'] button")
    assert await page.is_visible("details [role=alert]")
    await who.show("passport-wrong")
    await page.fill("#lines", DUPONT.replace("12AB34567", "12A834567", 1))
    await page.click("form[action='/tenant/passport'] button")
    await who.show("passport-read")
    assert await page.input_value("#name") == "DUPONT MARIE"
    assert await page.input_value("#number") == "12AB34567"
    assert await page.input_value("#kind") == "PP"
    assert not await page.query_selector(".note.good")  # something was put right
    await page.click("main form[action='/tenant/identify'] button")
    shown = await page.inner_text("main")
    assert "1985-03-10" in shown
    await who.show("passport-wait")
    assert who.complaints == []
