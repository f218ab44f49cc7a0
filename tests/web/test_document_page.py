"""Documents on a phone: a passport's lines, a child's guardian."""

import pytest
from playwright.async_api import Browser
from stdnum.iso7064 import mod_11_2

from gateway.demo.scene import link_of, today
from gateway.demo.story import Story
from tests.unit.test_mrz import DUPONT
from tests.web.conftest import Visitor, enter, visitor


async def noticed(story: Story, who: Visitor) -> Visitor:
    """Bring somebody who chose a person's look to his document."""
    box = story.addresses["box"]
    token, code = link_of(await story.let("101", "M. D."))
    browser = await story.browser(box)
    await browser.send("/t", {"token": token, "code": code})
    await browser.send("/tenant/notice", {"path": "person"})
    await enter(who, browser.client.cookies, box)
    await who.page.goto(f"{box}/tenant")
    return who


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_passports_lines_are_read_and_compared(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    who = await noticed(story, await visitor(chromium, language, scheme))
    page = who.page
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


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_f5_a_guardian_is_asked_for_and_stays_here(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    who = await noticed(story, await visitor(chromium, language, scheme))
    page, body = who.page, f"330522{today().year - 10}0101001"
    await page.fill("#name", "租客丁")
    await page.fill("#number", body + mod_11_2.calc_check_digit(body))
    await page.click("main form[action='/tenant/identify'] button")
    assert await page.is_visible("[role=alert]")
    await page.fill("#guardian", "租客丙")
    await who.show("guardian")
    await page.click("main form[action='/tenant/identify'] button")
    assert "租客丙" in await page.inner_text("main")
    await who.show("guardian-wait")
    assert who.complaints == []
