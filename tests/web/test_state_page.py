"""The state's identity channel on a phone, with the simulator as the state."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway.demo.scene import FIRST, link_of
from gateway.demo.serial_story import append
from gateway.demo.state_identity import StateRegister
from gateway.demo.story import Story
from ledger.keys import make_secret
from tests.system.test_state_identity import serving
from tests.web.conftest import Visitor, enter, played, visitor

CHANNEL = """
[state_identity]
url = "{url}"
"""


@pytest.fixture
async def register(tmp_path: Path) -> AsyncIterator[tuple[StateRegister, str]]:
    key = make_secret(tmp_path / "state.key")
    known = StateRegister(key, {FIRST["number"]: FIRST["name"]})
    async for url in serving(known.app):
        yield known, url


@pytest.fixture
async def joined(laid: Story, tmp_path: Path, register) -> AsyncIterator[Story]:
    """A house whose box knows the state's channel."""
    state, url = register

    class Joined(Story):
        async def start(self) -> None:
            key = self.folder / "box" / "keys" / "state-identity.key"
            key.touch(0o600)
            key.write_text(state.key.hex(), encoding="ascii")
            append(Path(self.config), CHANNEL.format(url=url))
            await Story.start(self)

    async with played(Joined, laid, tmp_path) as story:
        yield story


async def noticed(story: Story, who: Visitor) -> Visitor:
    box = story.addresses["box"]
    token, code = link_of(await story.let("101", FIRST["name"]))
    browser = await story.browser(box)
    await browser.send("/t", {"token": token, "code": code})
    await enter(who, browser.client.cookies, box)
    await who.page.goto(f"{box}/tenant")
    return who


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_l2_the_states_channel_is_offered_first_and_enrols(
    joined: Story, register, chromium: Browser, language: str, scheme: str
) -> None:
    state, _ = register
    who = await noticed(joined, await visitor(chromium, language, scheme))
    page, box = who.page, joined.addresses["box"]
    ways = await page.eval_on_selector_all(
        "[name=path]", "all => all.map(e => e.value)"
    )
    assert ways == ["state", "person", "scan"]
    await who.show("state-notice")
    await page.check("[value=state]")
    await page.click("main button[type=submit]")
    await page.fill("#name", FIRST["name"])
    await page.fill("#number", FIRST["number"])
    await page.click("main form[action='/tenant/identify'] button")
    await page.fill("#code", "12345678")
    await page.click("main form[action='/tenant/state'] button")
    assert await page.is_visible("[role=alert]")
    await who.show("state-code-wrong")
    await page.fill("#code", state.code(FIRST["number"]))
    await page.click("main form[action='/tenant/state'] button")
    await page.wait_for_selector("form[action='/tenant/send']")
    await who.show("state-review")
    await page.click("form[action='/tenant/send'] button")
    await page.wait_for_selector("#pin")
    await page.goto(f"{box}/tenant/data")
    assert await page.query_selector("[data-told=state_identity]")
    await who.show("state-data")
    assert who.complaints == []
    await joined.accepted(1)
