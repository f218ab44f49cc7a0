"""A running house, and a real browser at phone size to walk through it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright

from gateway.demo.people import found
from gateway.demo.pictures import Pictures, PicturesMissing, cache
from gateway.demo.scene import FIRST, today
from gateway.demo.serial_story import SerialStory
from gateway.demo.story import Story

CHROMIUM = "/usr/bin/chromium"
INSTALLED = Path(CHROMIUM).exists()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-features=WebBluetooth",  # as on a phone; on Linux it waits for this
]
AXE = cache() / "axe" / "node_modules" / "axe-core" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE = {"width": 360, "height": 640}


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A box and a station that were laid and joined, and stand still."""
    try:
        pictures = Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))

    async def lay() -> Story:
        async with AsyncExitStack() as stack:
            told = Story(tmp_path_factory.mktemp("laid"), pictures, stack)
            await told.begin()
            return told

    with asyncio.Runner() as runner:
        return runner.run(lay())


@asynccontextmanager
async def played(kind: type[Story], laid: Story, folder: Path) -> AsyncIterator[Story]:
    """Go on with a copy of what was laid, on its ports, with a house in it."""
    for each in ("box", "station"):
        alone = shutil.ignore_patterns("*.sock")
        shutil.copytree(laid.folder / each, folder / each, ignore=alone)
    async with AsyncExitStack() as stack:
        told = kind(folder, laid.pictures, stack)
        told.addresses, told.sign_in = dict(laid.addresses), dict(laid.sign_in)
        await told.start()
        told.landlord = await told.browser(told.addresses["box"])
        told.officer = await told.browser(told.addresses["station"])
        told.landlord.client.cookies = httpx.Cookies(laid.landlord.client.cookies)
        told.officer.client.cookies = httpx.Cookies(laid.officer.client.cookies)
        told.officer.secret = laid.officer.secret
        # long runs outlast the ten minutes for which a sign-in is fresh
        told_again = {"password": told.sign_in["landlord"]}
        await told.landlord.send("/account/confirm", told_again)
        told.landlord.sent = 0
        await told.listen()
        await told.register_house()
        yield told


@pytest.fixture
async def story(laid: Story, tmp_path: Path) -> AsyncIterator[Story]:
    async with played(Story, laid, tmp_path) as told:
        yield told


@pytest.fixture
async def wired(laid: Story, tmp_path: Path) -> AsyncIterator[SerialStory]:
    async with played(SerialStory, laid, tmp_path) as told:
        yield told


@pytest.fixture
async def lived_in(story: Story) -> Story:
    """A house in whose first room somebody lives, with a PIN at the door."""
    story.first = await story.come_in("101", FIRST, today())
    await story.confirm(story.first, FIRST)
    await story.first.browser.until("/tenant", r'data-pin="confirmed"')
    page = await story.first.browser.look("/tenant")
    story.first.pin = found(r'id="pin">(\d{6})<', page)
    return story


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if not INSTALLED:
        pytest.skip("Debian's Chromium is not installed")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        await found.close()


class Visitor:
    """A person with a phone of his own, who notes what the browser complains of."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.context, self.name, self.complaints = context, name, []

    async def arrive(self) -> None:
        self.page = await self.context.new_page()
        click = self.page.click

        async def whole(selector: str, **more) -> None:
            """Click, and wait for all of the page it leads to, as a person does."""
            await click(selector, **more)
            await self.page.wait_for_load_state()

        self.page.click = whole  # its own waits for the first byte alone
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message) -> None:
        expected = "422" in message.text or "403" in message.text
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)

    async def barriers(self) -> list[str]:
        """Return what axe finds that keeps somebody out (WCAG 2.2, levels A and AA)."""
        assert AXE.exists(), "`make test` puts axe into the cache"
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate("told => axe.run({runOnly: told})", LEVELS)
        return [
            f"{each['id']}: {node['html']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    async def show(self, name: str) -> None:
        """Keep a picture of the page where LODGE_PICTURES says so."""
        await self.page.wait_for_load_state()  # a script may have led here
        wide = await self.page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )
        assert wide <= 0, f"{name} scrolls sideways"
        assert await self.barriers() == [], name
        folder = os.environ.get("LODGE_PICTURES")
        if folder:
            path = Path(folder) / f"{self.name}-{name}.png"
            await self.page.screenshot(path=path, full_page=True)


async def visitor(chromium: Browser, language: str, scheme: str, **more) -> Visitor:
    context = await chromium.new_context(
        **{
            "viewport": PHONE,
            "locale": language,
            "color_scheme": scheme,
            "device_scale_factor": 2,
            **more,
        }
    )
    found = Visitor(context, f"{language}-{scheme}")
    await found.arrive()
    return found


async def enter(who: Visitor, cookies, box: str) -> None:
    told = [{"name": c.name, "value": c.value, "url": box} for c in cookies.jar]
    await who.context.add_cookies([c for c in told if c["name"] != "language"])
