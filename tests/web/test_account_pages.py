"""Accounts, offers, papers and boxes in a real browser, at phone size and on a desk."""

import time

import pyotp
import pytest
from playwright.async_api import Browser

from gateway.demo.programs import ask, mosquitto
from gateway.demo.story import Story
from gateway.settings import LodgeSettings
from gateway.wiring.readers import file_of
from tests.web.conftest import Visitor, enter, visitor
from tests.web.test_door_pages import config

pytestmark = [pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")]
NEW, DESK = "another password", {"width": 1366, "height": 768}
LOOKS = [
    ("zh-CN", "light", {}),
    ("en", "dark", {}),
    ("en", "light", {"viewport": DESK}),
]


@pytest.mark.parametrize(("language", "scheme", "more"), LOOKS)
async def test_an_account_is_kept_in_a_browser(
    story: Story, chromium: Browser, language: str, scheme: str, more: dict
) -> None:
    box = story.addresses["box"]
    who = await visitor(chromium, language, scheme, **more)
    who.name += "-desk" if more else ""
    await enter(who, story.landlord.client.cookies, box)
    page = who.page
    await page.goto(f"{box}/account")
    await who.show("account")
    await page.click("a[href='/account/factor']")
    await who.show("factor")
    secret = await page.inner_text("#secret")
    await page.fill("#code", "000000")
    await page.click("main form button")
    await page.wait_for_selector("[role=alert]")
    await who.show("factor-wrong")
    await page.fill("#code", pyotp.TOTP(secret).now())
    await page.click("main form button")
    await who.show("factor-set")
    paper = (await page.inner_text("#paper")).split()
    await page.click("main a.button")
    await _changes_the_password(who, box, story.sign_in["landlord"])
    await _comes_back(who, box, paper[0])
    assert who.complaints == []


async def _changes_the_password(who: Visitor, box: str, old: str) -> None:
    page = who.page
    await page.goto(f"{box}/account")
    await page.fill("#old", old)
    await page.fill("#new", NEW)
    await page.click("form[action='/account/password'] button")
    await page.wait_for_selector("[role=status]")
    await who.show("account-changed")


async def _comes_back(who: Visitor, box: str, paper: str) -> None:
    """Sign out everywhere; the password alone is no way in, a code on paper is."""
    page = who.page
    await page.click("form[action='/account/sign-out'] button")
    await who.show("sign-in-factor")
    for code in ("", paper):
        await page.goto(f"{box}/sign-in")
        await page.fill("#name", "landlord")
        await page.fill("#password", NEW)
        await page.fill("#code", code)
        await page.click("main form button[type=submit]")
        await page.goto(f"{box}/landlord")
        inside = await page.query_selector("a[href='/account']") is not None
        assert inside is bool(code)


@pytest.mark.parametrize(("language", "scheme", "more"), LOOKS)
async def test_what_weighs_much_leads_back_after_the_password(
    lived_in: Story, chromium: Browser, language: str, scheme: str, more: dict
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    who = await visitor(chromium, language, scheme, **more)
    who.name += "-desk" if more else ""
    await enter(who, story.landlord.client.cookies, box)
    page = who.page
    aged = "UPDATE session SET begun = '2026-01-01 00:00:00.000000'"
    await story.box.stop()
    await ask("audit", "verify", *config(story))
    await run_on(story, aged)
    await story.start_box()
    await page.goto(f"{box}{story.house}/register")
    await page.fill("main form input, main form textarea", "a question of the tenant")
    await page.click("main form button[type=submit]")
    await page.wait_for_selector("form[action='/account/confirm']")
    await who.show("confirm")
    await page.fill("#password", story.sign_in["landlord"])
    await page.click("main form button")
    assert page.url.endswith("/register")
    await page.goto(f"{box}{story.first.lease}/end")
    await page.click("details summary")
    await who.show("paper")
    await page.goto(f"{box}{story.house}")
    for each in await page.query_selector_all("details summary"):
        await each.click()
    await who.show("house-open")
    await page.goto(f"{box}/trust")
    await who.show("trust")
    assert who.complaints == []


async def run_on(story: Story, statement: str) -> None:
    """Change a box's ledger while it stands still."""
    settings = LodgeSettings.load(story.folder / "box" / "lodge.toml")
    engine = file_of(settings).engine(writing=True)
    with file_of(settings).connect(engine) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


@pytest.mark.parametrize(("language", "scheme", "more"), LOOKS)
async def test_an_officer_signs_in_and_looks_after_boxes(
    story: Story, chromium: Browser, language: str, scheme: str, more: dict
) -> None:
    station = story.addresses["station"]
    who = await visitor(chromium, language, scheme, **more)
    who.name += "-desk" if more else ""
    page = who.page
    await page.goto(f"{station}/sign-in")
    await page.fill("#name", "officer")
    await page.fill("#password", story.sign_in["officer"])
    code = pyotp.TOTP(story.officer.secret).at(int(time.time()), counter_offset=1)  # noqa: TID251
    await page.fill("#code", code)
    await page.click("main form button[type=submit]")
    await page.goto(f"{station}/boxes")
    await page.click("details summary")
    await who.show("boxes")
    await page.goto(f"{station}/counter")
    await who.show("counter")
    assert who.complaints == []
