"""Documents on a phone: a passport's lines, a child's guardian."""

from pathlib import Path

import pytest
from playwright.async_api import Browser
from stdnum.iso7064 import mod_11_2

from gateway.demo.scene import FIRST, link_of, today
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
    await page.click("details summary")
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
    await page.fill("#name", "Dupond Marie")
    await page.click("main form[action='/tenant/identify'] button")
    assert await page.is_visible("[role=alert]")  # the lines name somebody else
    await who.show("passport-other-name")
    assert await page.input_value("#latin") == "DUPONT MARIE"
    await page.fill("#name", "杜邦")
    await page.click("main form[action='/tenant/identify'] button")
    shown = await page.inner_text("main")
    assert "1985-03-10" in shown
    assert "杜邦 · DUPONT MARIE" in shown
    await who.show("passport-wait")
    assert who.complaints == []


CARD = """<body style="margin: 40px; background: #e9eef2; font: 34px sans-serif">
 <p>姓名　{name}</p> <p>性别　男　民族　汉</p> <p>出生　{born}</p>
 <p>住址　示范路1号</p> <p style="margin-top: 80px">公民身份号码　{number}</p></body>"""


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_photo_of_a_card_fills_the_form_in(
    story: Story, chromium: Browser, tmp_path: Path, language: str, scheme: str
) -> None:
    sheet = await chromium.new_page(viewport={"width": 860, "height": 540})
    who = await noticed(story, await visitor(chromium, language, scheme))
    page, photo = who.page, tmp_path / "card.png"
    await sheet.set_content("<p>no document</p>")
    await sheet.screenshot(path=photo)
    await who.show("document")
    await page.set_input_files("#photo", photo)
    await page.click("form[action='/tenant/read'] button")
    assert await page.is_visible("[role=alert]")
    await who.show("document-unread")
    await sheet.set_content(CARD.format(**FIRST, born="1990年3月16日"))
    await sheet.screenshot(path=photo)
    await page.set_input_files("#photo", photo)
    await page.click("form[action='/tenant/read'] button")
    await page.wait_for_selector("#unsure-number")
    await who.show("document-read")
    assert await page.input_value("#name") == FIRST["name"]
    assert await page.input_value("#number") == FIRST["number"]
    await page.click("main form[action='/tenant/identify'] button")
    assert FIRST["number"] in await page.inner_text("main")
    assert who.complaints == []


async def test_a_passport_that_is_typed_needs_a_birth_date(
    story: Story, chromium: Browser
) -> None:
    who = await noticed(story, await visitor(chromium, "en", "light"))
    await who.page.fill("#name", "DUPONT MARIE")
    await who.page.select_option("#kind", "PP")
    await who.page.fill("#number", "12AB34567")
    await who.page.click("main form[action='/tenant/identify'] button")
    await who.page.fill("#birth", "1985-03-10")
    await who.show("passport-birth")
    await who.page.click("main form[action='/tenant/identify'] button")
    assert "1985-03-10" in await who.page.inner_text("main")


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
    assert await page.is_visible("[role=alert]")  # his consent is missing
    await page.check("[name=guardian_consents]")
    await who.show("guardian-consents")
    await page.click("main form[action='/tenant/identify'] button")
    assert "租客丙" in await page.inner_text("main")
    await who.show("guardian-wait")
    assert who.complaints == []
