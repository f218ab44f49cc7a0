"""A running house, and a real browser at phone size to walk through it."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright

from gateway.demo.pictures import Pictures, PicturesMissing
from gateway.demo.story import Story

CHROMIUM = "/usr/bin/chromium"
INSTALLED = Path(CHROMIUM).exists()
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
PHONE = {"width": 360, "height": 640}


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    try:
        pictures = Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))
    async with AsyncExitStack() as stack:
        told = Story(tmp_path, pictures, stack)
        await told.begin()
        await told.register_house()
        yield told


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

    async def show(self, name: str) -> None:
        """Keep a picture of the page where LODGE_PICTURES says so."""
        wide = await self.page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )
        assert wide <= 0, f"{name} scrolls sideways"
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
