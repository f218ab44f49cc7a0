"""The face scan in a real browser, with films for its camera."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from playwright.async_api import Error, async_playwright

from gateway.demo.pictures import cache
from gateway.demo.scene import FIRST, link_of
from gateway.demo.serial_story import append
from gateway.demo.story import Story
from tests.web import clips
from tests.web.conftest import CHROMIUM, FLAGS, INSTALLED, Visitor, enter, visitor
from tests.web.test_door_pages import door_of

pytestmark = pytest.mark.timeout(900)
CAMERA = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--use-file-for-fake-video-capture={}",
)
WITHIN, TICK = 80_000, 200
# Milliseconds, and bytes a second.
SLOWER = 4
NETWORK = {
    "offline": False,
    "latency": 40,
    "downloadThroughput": 8_000_000 // 8,
    "uploadThroughput": 4_000_000 // 8,
}
# What kind of movement is asked for now; the page may have gone on meanwhile.
ASKED = """() => {
  const stage = document.getElementById("stage");
  if (!stage || stage.hidden) { return "over"; }
  return typeof asked === "undefined" || !asked ? null : word("kind", asked);
}"""
WEIGHTS = cache() / "models" / "iris_landmark.tflite"


@dataclass(frozen=True)
class Reel:
    """What the camera can be shown, and where the films lie."""

    faces: Path
    folder: Path
    live: list
    acted: Path

    @property
    def document(self) -> Path:
        """A card with that person's picture and the number that he claims."""
        portrait = next((self.faces / "camera").glob("0006_document_*.jpg"))
        path = self.folder / "card.jpg"
        path.write_bytes(clips.card(cv2.imread(str(portrait)), FIRST["number"]))
        return path

    @property
    def printed(self) -> list:
        return clips.frames(self.faces / "camera" / "0006_print.mjpeg")

    def still(self, subject: str) -> Path:
        return min((self.faces / "nuaa" / "live" / subject).glob("*.jpg"))

    def film(self, pictures: list, *more) -> Path:
        return clips.film(self.folder / "film.mjpeg", pictures, *more)


@pytest.fixture(scope="session")
def acted(shared: Path) -> list:
    return clips.frames(shared / "faces" / "dev" / "camera" / "0006_live.mjpeg")


@pytest.fixture(scope="session")
def film_of_him(acted: list, tmp_path_factory) -> Path:
    """Draw the film of somebody who does what he is asked, once."""
    path = tmp_path_factory.mktemp("films") / "live.mjpeg"
    return clips.film(path, acted, seconds=clips.ACTED, shut=acted[clips.BLINK])


@pytest.fixture
def reel(shared: Path, acted: list, film_of_him: Path, tmp_path: Path) -> Reel:
    if not WEIGHTS.exists():
        pytest.skip("the networks are not in the cache; `make test` puts them")
    return Reel(shared / "faces" / "dev", tmp_path, acted, film_of_him)


@asynccontextmanager
async def phone(
    film: Path, language: str, scheme: str, flags: tuple[str, ...] = (), **more
) -> AsyncIterator:
    """Be somebody with a phone whose camera sees a film."""
    if not INSTALLED:
        pytest.skip("Debian's Chromium is not installed")
    told = [*FLAGS, *flags, *(each.format(film) for each in CAMERA)]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=told)
        yield await visitor(chromium, language, scheme, permissions=["camera"], **more)
        await chromium.close()


async def slow(who: Visitor) -> None:
    """Be a phone of 2018 in a house's wireless network."""
    tools = await who.context.new_cdp_session(who.page)
    await tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    await tools.send("Network.enable")
    await tools.send("Network.emulateNetworkConditions", NETWORK)


async def come_to_the_scan(story: Story, who: Visitor, document: Path) -> None:
    """Go from the link to the camera, by taps."""
    link = link_of(await story.let("101", FIRST["name"]))
    await scan_from(story.addresses["box"], link, who, document)


async def scan_from(
    box: str, link: tuple[str, str], who: Visitor, document: Path
) -> None:
    page, (token, code) = who.page, link
    await page.goto(f"{box}/t#{token}")
    await page.fill("[name=code]", code)
    await page.click("main button[type=submit]")
    await page.check("[value=scan]")
    await who.show("notice")
    await page.click("main button[type=submit]")
    await page.fill("#name", FIRST["name"])
    await page.fill("#number", FIRST["number"])
    await page.click("main form[action='/tenant/identify'] button")
    await who.show("scan-document")
    await page.set_input_files("#document", document)
    await page.click("form[action='/tenant/document'] button")
    await page.wait_for_selector("#begin:visible")
    await who.show("scan-begin")


async def be_scanned(who: Visitor, cannot=("turn", "look")) -> int:
    """Do what a film can, and ask for that until it is over; return the taps."""
    page = who.page
    await page.click("#begin")
    shown, taps = set(), 1
    with suppress(Error):  # it may go on to the next page in any moment
        for _ in range(int(WITHIN / TICK)):
            await page.wait_for_timeout(TICK)
            kind = await page.evaluate(ASKED)
            if kind == "over":
                break
            if kind in cannot:
                await page.click("#cannot")
                taps += 1
            elif kind and kind not in shown:
                shown.add(kind)
                await who.show(f"scan-{kind}")
    return taps


CAMERA_AT_DOOR = """
[[cameras]]
source_file = "camera.txt"
checked = 2026-11-20
door = "{door}"
"""


async def offer_look(story: Story) -> str:
    """Hang a camera at the door, and have the landlord offer a look after the PIN."""
    door = await door_of(story)
    box = story.folder / "box"
    told = (box / "impact-assessment.toml").read_text("utf-8")
    told = told.replace('["face_scan"]', '["face_scan", "face_at_door"]')
    (box / "impact-assessment.toml").write_text(told, encoding="utf-8")
    (box / "camera.txt").write_text("/dev/null", encoding="utf-8")
    append(box / "lodge.toml", CAMERA_AT_DOOR.format(door=door))
    await story.box.stop()
    await story.start_box()
    page = f"/landlord/doors/{door}"
    await story.landlord.send(f"{page}/second-look", {"offered": "true"})
    return page


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_somebody_who_is_there_enrols_himself(
    story: Story, reel: Reel, language: str, scheme: str
) -> None:
    door = await offer_look(story)
    async with phone(reel.acted, language, scheme) as who:
        await enter(who, story.landlord.client.cookies, story.addresses["box"])
        await who.page.goto(f"{story.addresses['box']}{door}")
        await who.page.click("summary >> nth=0")
        await who.show("door-second-look")
        await who.context.clear_cookies()
        await slow(who)
        await come_to_the_scan(story, who, reel.document)
        await be_scanned(who)
        passed = "form[action='/tenant/send']"
        await who.page.wait_for_selector(f"{passed}, #why:visible", timeout=WITHIN)
        why = await who.page.query_selector("#why:visible")
        assert why is None, await why.inner_text()
        await who.show("scan-review")
        text = await who.page.inner_text("main")
        assert FIRST["name"] in text
        assert FIRST["number"] in text
        await who.page.check("[name=second_look]")
        await who.page.click("form[action='/tenant/send'] button")
        await who.page.wait_for_selector("form[action='/tenant/withdraw']")
        await who.show("scan-done")
        assert who.complaints == []
    await story.accepted(1)


@pytest.mark.parametrize(
    ("name", "flaw"), [("print", "flawNotLive"), ("still", "flawStill")]
)
async def test_a_picture_of_somebody_is_nobody(
    story: Story, reel: Reel, name: str, flaw: str
) -> None:
    moving = reel.printed if name == "print" else reel.live[:1]
    zoom = clips.nearer_and_farther if name == "print" else clips.still
    async with phone(reel.film(moving, zoom), "en", "light") as who:
        await come_to_the_scan(story, who, reel.document)
        await be_scanned(who, ("turn", "look", "blink"))
        await who.page.wait_for_selector("#why:visible", timeout=WITHIN)
        expected = await who.page.evaluate(f"words.{flaw}")
        assert await who.page.inner_text("#why") == expected
        await who.show(f"scan-refused-{name}")
        await who.page.goto(f"{story.addresses['box']}/tenant")
        assert await who.page.query_selector("form[action='/tenant/send']") is None


async def test_another_person_is_not_the_one_on_the_document(
    story: Story, reel: Reel
) -> None:
    async with phone(reel.acted, "en", "light") as who:
        await come_to_the_scan(story, who, reel.still("0012"))
        await who.page.go_back()  # and forth: nothing is lost, nothing is sent twice
        await who.page.goto(f"{story.addresses['box']}/tenant")
        await who.page.wait_for_selector("#begin:visible")
        await be_scanned(who)
        await who.page.wait_for_selector(".note.stop:visible", timeout=WITHIN)
        assert "do not look like the same person" in await who.page.inner_text("main")
        await who.show("scan-different")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("empty", "adviceNoFace"),
        ("two", "adviceSeveralFaces"),
        ("masked", "adviceUncover"),
    ],
)
async def test_whoever_cannot_be_judged_is_told_what_to_do(
    story: Story, reel: Reel, name: str, key: str
) -> None:
    pictures = {
        "empty": clips.empty(),
        "two": clips.beside(reel.live, reel.live[::-1]),
        "masked": [clips.masked(each) for each in reel.live[:3]],
    }[name]
    async with phone(reel.film(pictures, clips.still, 6), "en", "light") as who:
        await come_to_the_scan(story, who, reel.document)
        await who.page.click("#begin")
        await who.page.wait_for_selector("#say.wait", timeout=WITHIN)
        told = await who.page.evaluate(f"words.{key}")
        assert await who.page.inner_text("#say") == told
        await who.show(f"scan-advice-{name}")
        await who.page.goto(f"{story.addresses['box']}/tenant")
        assert await who.page.query_selector("form[action='/tenant/send']") is None


async def test_without_scripts_two_pictures_do(story: Story, reel: Reel) -> None:
    film = reel.film(reel.live[:2], clips.still, 1)
    async with phone(film, "en", "light", java_script_enabled=False) as who:
        page, box = who.page, story.addresses["box"]
        token, code = link_of(await story.let("101", FIRST["name"]))
        browser = await story.browser(box)
        await browser.send("/t", {"token": token, "code": code})
        await enter(who, browser.client.cookies, box)
        await page.goto(f"{box}/tenant")
        await page.check("[value=scan]")
        await page.click("main button[type=submit]")
        await page.fill("#name", FIRST["name"])
        await page.fill("#number", FIRST["number"])
        await page.click("main form[action='/tenant/identify'] button")
        await page.click("summary")
        await page.set_input_files("#still-document", reel.document)
        await page.set_input_files("#live", reel.still("0006"))
        await page.click("#stills button")
        assert await page.is_visible("[data-live=not_tested]")


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_resident_lets_his_face_be_looked_at_later(
    lived_in: Story, reel: Reel, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    await offer_look(story)
    async with phone(reel.acted, language, scheme) as who:
        page = who.page
        await enter(who, story.first.browser.client.cookies, box)
        await page.goto(f"{box}/tenant")
        await page.click("a[href='/tenant/second-look']")
        await who.show("second-look")
        await page.click("form[action='/tenant/second-look'] button")
        await page.wait_for_selector("#begin:visible")
        await who.show("second-look-begin")
        await page.goto(f"{box}/tenant")  # he leaves it, and comes back
        await page.click("a[href='/tenant/second-look']")
        await be_scanned(who)
        await page.wait_for_selector("[data-print], #why:visible", timeout=WITHIN)
        why = await page.query_selector("#why:visible")
        assert why is None, await why.inner_text()
        assert await page.query_selector("a[href='/tenant/second-look']") is None
        await who.show("second-look-on")
        await page.click("form[action='/tenant/withdraw'] button")
        await page.wait_for_selector("a[href='/tenant/second-look']")
        assert who.complaints == []
