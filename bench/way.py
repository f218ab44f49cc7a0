"""A tenant's whole way on a phone: taps, and seconds with people's own pauses."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page

from bench.figure import Figure
from bench.shared import FACES, there
from gateway.demo.pictures import Pictures
from gateway.demo.scene import FIRST, link_of
from gateway.demo.story import Story
from tests.web import clips
from tests.web.conftest import Visitor
from tests.web.test_scan_pages import Reel, be_scanned, phone

# Reading the notice and the review, finding what to tap, typing a digit, a photo.
READS, FINDS, TYPES, SHOOTS = 12.0, 1.5, 0.4, 5.0
WITHIN = 60_000


@dataclass(slots=True)
class Thumb:
    """One thumb: counts its taps, and takes the time that people take."""

    page: Page
    taps: int = 0

    async def tap(self, what: str) -> None:
        """Find something and tap it."""
        self.taps += 1
        await asyncio.sleep(FINDS)
        await self.page.click(what)

    async def type(self, where: str, text: str) -> None:
        """Type text, a tap a character."""
        self.taps += 1 + len(text)
        await asyncio.sleep(FINDS + TYPES * len(text))
        await self.page.fill(where, text)

    async def shoot(self, where: str, picture: Path) -> None:
        """Take a photo: the field, the shutter, and that it is good."""
        self.taps += 3
        await asyncio.sleep(SHOOTS)
        await self.page.set_input_files(where, picture)


async def measure(folder: Path) -> list[Figure]:
    """Return taps and seconds from the opened link to the key."""
    if not there("way"):
        return []
    async with AsyncExitStack() as stack:
        story = Story(folder, Pictures.find(), stack)
        await story.begin()
        await story.register_house()
        token, code = link_of(await story.let("101", FIRST["name"]))
        with TemporaryDirectory() as films:
            acted = clips.frames(FACES / "camera" / "0006_live.mjpeg")
            path, shut = Path(films) / "live.mjpeg", acted[clips.BLINK]
            film = clips.film(path, acted, shut=shut)
            reel = Reel(FACES, Path(films), acted, film)
            async with phone(film, "zh-CN", "light") as who:
                thumb, began = Thumb(who.page), time.perf_counter()
                await who.page.goto(f"{story.addresses['box']}/t#{token}")
                await _go(thumb, who, code, reel.document)
                seconds = time.perf_counter() - began
    return [
        Figure("a tenant's way by face scan, taps", thumb.taps, "taps", 25),
        Figure("the same, with pauses as people make them", seconds, "s", 120),
    ]


async def _go(thumb: Thumb, who: Visitor, code: str, document: Path) -> None:
    page = thumb.page
    await thumb.type("[name=code]", code)
    await thumb.tap("main button[type=submit]")
    await asyncio.sleep(READS)
    await thumb.tap("[value=scan]")
    await thumb.tap("main button[type=submit]")
    await thumb.shoot("#photo", document)
    await thumb.tap("form[action='/tenant/read'] button")
    await page.wait_for_selector("[name=lines]", state="attached", timeout=WITHIN)
    if not await page.input_value("#name"):
        await thumb.type("#name", FIRST["name"])
    await thumb.tap("main form[action='/tenant/identify'] button")
    await page.wait_for_selector("#begin:visible", timeout=WITHIN)
    await asyncio.sleep(FINDS)
    thumb.taps += await be_scanned(who)
    await page.wait_for_selector("form[action='/tenant/send']", timeout=WITHIN)
    await asyncio.sleep(READS)
    await thumb.tap("form[action='/tenant/send'] button")
    await page.wait_for_selector("#pin", timeout=WITHIN)
