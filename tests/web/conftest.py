"""A running house, and a real browser at phone size to walk through it."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

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


@asynccontextmanager
async def played(kind: type[Story], folder: Path) -> AsyncIterator[Story]:
    """Begin a story, with a house in it."""
    try:
        pictures = Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))
    async with AsyncExitStack() as stack:
        told = kind(folder, pictures, stack)
        await told.begin()
        await told.register_house()
        yield told


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with played(Story, tmp_path) as told:
        yield told


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[SerialStory]:
    async with played(SerialStory, tmp_path) as told:
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
        await self.page.wait_for_load_state()  # a click waits for its first byte alone
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
