"""Passkeys in a real browser, with the authenticator that Chromium simulates."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, CDPSession

from gateway.demo.programs import mosquitto
from gateway.demo.story import Story
from tests.web.conftest import Visitor, played, visitor
from tests.web.test_account_pages import LOOKS, run_on

pytestmark = [pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")]
# A phone that asks its holder for finger, face or PIN.
PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Named(Story):
    """The story, on a box whose pages have a name."""

    async def start(self) -> None:
        path = self.folder / "box" / "lodge.toml"
        self.named = self.addresses["box"].replace("127.0.0.1", "localhost")
        told = path.read_text().replace("[web]", f'[web]\nurl = "{self.named}"')
        path.write_text(told)
        await super().start()


@pytest.fixture
async def named(laid: Story, tmp_path: Path) -> AsyncIterator[Named]:
    async with played(Named, laid, tmp_path) as told:
        yield told


async def authenticator(who: Visitor) -> tuple[CDPSession, str]:
    line = await who.context.new_cdp_session(who.page)
    await line.send("WebAuthn.enable")
    made = await line.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE})
    return line, made["authenticatorId"]


async def signs_in(who: Visitor, story: Named) -> None:
    await who.page.goto(f"{story.named}/sign-in")
    await who.page.fill("#name", "landlord")
    await who.page.fill("#password", story.sign_in["landlord"])
    await who.page.click("main form button[type=submit]")
    await who.page.wait_for_url("**/landlord")


@pytest.mark.parametrize(("language", "scheme", "more"), LOOKS)
async def test_a_passkey_in_a_passwords_place(
    named: Named, chromium: Browser, language: str, scheme: str, more: dict
) -> None:
    who = await visitor(chromium, language, scheme, **more)
    who.name += "-desk" if more else ""
    page, box = who.page, named.named
    await signs_in(who, named)
    line, phone = await authenticator(who)
    await page.goto(f"{box}/account")
    await page.click("a[href='/account/passkey']")
    await who.show("passkey")
    await page.click("[data-passkey]")
    await page.wait_for_selector("[role=status]")
    await who.show("account-passkey")
    await page.goto(f"{box}/account/passkey")
    await page.click("[data-passkey]")  # this device holds one already
    await page.wait_for_selector("[role=alert]:not([hidden])")
    await who.show("passkey-held")
    await page.click("header form[action='/sign-out'] button")
    await who.show("sign-in-passkey")
    await page.click("[data-passkey]")
    await page.wait_for_url("**/landlord")
    await _once_more(who, named)
    await _taken_away(who, named, language)
    await line.send("WebAuthn.clearCredentials", {"authenticatorId": phone})
    assert who.complaints == []


async def _taken_away(who: Visitor, story: Named, language: str) -> None:
    """One that was removed opens nothing, whatever the phone still holds."""
    page = who.page
    await page.goto(f"{story.named}/account")
    gone = "form[action='/account/passkey/remove']"
    await page.click(f"{gone} button")
    await page.wait_for_selector(gone, state="detached")
    await page.click("header form[action='/sign-out'] button")
    await page.click("[data-passkey]")
    told = "try again" if language == "en" else "重试"
    await page.wait_for_selector(f"[role=alert]:has-text('{told}')")
    await who.show("sign-in-passkey-gone")


async def _once_more(who: Visitor, story: Named) -> None:
    """What weighs much asks once more; a passkey will do."""
    page = who.page
    await page.wait_for_load_state()
    await page.goto("about:blank")  # asks nothing of a box that stands still
    await story.box.stop()
    await run_on(story, "UPDATE session SET begun = '2026-01-01 00:00:00.000000'")
    await story.start_box()
    await page.goto(f"{story.named}/account/passkey")
    await page.wait_for_selector("form[action='/account/confirm']")
    await who.show("confirm-passkey")
    await page.click("[data-passkey]")
    await page.wait_for_selector("[data-passkey='/account/passkey']")


async def test_on_a_bare_address_none_is_offered(
    story: Story, chromium: Browser
) -> None:
    who = await visitor(chromium, "en", "light")
    await who.page.goto(f"{story.addresses['box']}/sign-in")
    assert await who.page.query_selector("[data-passkey]") is None
    assert "passkey" not in await story.landlord.look("/account")
