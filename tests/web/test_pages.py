"""Landlord, tenant and officer in a real browser, at phone size, in both languages."""

import re
import time

import httpx
import pyotp
import pytest
from playwright.async_api import Browser, Page

from gateway.demo.programs import mosquitto
from gateway.demo.scene import FIRST
from gateway.demo.story import Story
from tests.web.conftest import Visitor, visitor

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]
SUBMIT = "main form button[type=submit]"
IDENTIFY = "main form[action='/tenant/identify'] button"


async def sign_in(
    who: Visitor, address: str, name: str, password: str, secret: str = ""
) -> None:
    await who.page.goto(f"{address}/sign-in")
    await who.show("sign-in")
    await who.page.fill("#name", name)
    await who.page.fill("#password", password)
    if secret:  # the app's next code: the one that set it up may be the present one
        code = pyotp.TOTP(secret).at(int(time.time()), counter_offset=1)  # noqa: TID251 - an app's clock
        await who.page.fill("#code", code)
    await who.page.click(SUBMIT)


# How his identity was established, as tenant and officer read it.
SEEN = {"zh-CN": "当面", "en": "person"}


async def let_room(landlord: Visitor, story: Story) -> tuple[str, str, str]:
    page = landlord.page
    await page.goto(story.addresses["box"] + story.house)
    await landlord.show("house")
    await page.click("a[href$='/lease']")
    await landlord.show("lease-new")
    await page.fill("#label", FIRST["name"])
    await page.click(SUBMIT)
    await page.wait_for_selector("#link")
    await landlord.show("lease")
    link = (await page.inner_text("#link")).strip()
    code = (await page.inner_text("#spoken-code")).strip()
    return link, code, await page.get_attribute("#progress", "hx-get")


async def identify(tenant: Visitor, link: str, code: str, path: str) -> None:
    page = tenant.page
    await page.goto(link)
    await tenant.show("link")
    assert "#" not in page.url, "the token stays in the address bar"
    await page.fill("#code", code)
    await page.click(SUBMIT)
    await tenant.show("notice")
    await page.check(f"input[value={path}]")
    await page.click(SUBMIT)
    await page.fill("#name", FIRST["name"])
    await page.fill("#number", "330522199003150017")
    await page.click(IDENTIFY)
    await page.wait_for_selector("[role=alert]")
    await tenant.show("identify-wrong")
    assert await page.input_value("#name") == FIRST["name"]
    await page.fill("#number", FIRST["number"])
    await page.click(IDENTIFY)


async def shows_no_person(landlord: Visitor) -> None:
    """A landlord sees how far it is: no face, no document's picture, no number."""
    assert FIRST["number"] not in await landlord.page.content()
    pictures = landlord.page.locator("main img:not(.qr), main video, main canvas")
    assert await pictures.count() == 0


async def confirm(landlord: Visitor, address: str, progress: str) -> None:
    page = landlord.page
    await page.goto(address + progress.removesuffix("/progress"))
    await landlord.show("confirm")
    await shows_no_person(landlord)
    await page.fill("#last_four", FIRST["number"][-4:])
    await page.check("input[name=seen]")
    await page.click("form[action$='/confirm'] button[type=submit]")
    await page.wait_for_selector("[data-pin]")
    await landlord.show("registered")
    await shows_no_person(landlord)


def picture(raw: bytes) -> dict:
    return {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": raw}


async def upload(tenant: Visitor, live: bytes, document: bytes) -> None:
    """Send two stills, as where a browser has no camera."""
    if closed := await tenant.page.query_selector("#stills:not([open]) summary"):
        await closed.click()
    await tenant.page.set_input_files("#still-document", picture(document))
    await tenant.page.set_input_files("#live", picture(live))
    await tenant.page.click("#stills button[type=submit]")


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_the_way_by_face_scan(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box, station = story.addresses["box"], story.addresses["station"]
    landlord, tenant, officer = [
        await visitor(chromium, language, scheme) for _ in range(3)
    ]
    secret = story.officer.secret
    await sign_in(officer, station, "officer", story.sign_in["officer"], secret)
    await officer.page.wait_for_selector(".live.on")
    await sign_in(landlord, box, "landlord", story.sign_in["landlord"])
    link, code, progress = await let_room(landlord, story)
    await identify(tenant, link, code, "scan")
    await tenant.page.wait_for_selector("form[enctype]")
    await tenant.show("faces")
    shown = story.pictures
    await upload(tenant, shown.other, shown.document)
    await tenant.page.wait_for_selector("[role=alert]:visible")
    await tenant.show("faces-different")
    await upload(tenant, shown.live, shown.document)
    await tenant.page.wait_for_selector("[data-live=not_tested]")
    await tenant.show("wait")
    await confirm(landlord, box, progress)
    await tenant.page.wait_for_selector("#pin")
    await tenant.page.wait_for_selector("[data-receipt]")
    await tenant.show("done")
    assert SEEN[language] in await tenant.page.inner_text("main")
    await officer.page.wait_for_selector("[data-count='1']")
    await officer.show("board")
    assert FIRST["name"] in await officer.page.inner_text("#houses")
    assert SEEN[language] in await officer.page.inner_text("#houses")
    assert FIRST["number"] not in await officer.page.content()
    for who in (landlord, tenant, officer):
        assert who.complaints == []
    assert FIRST["number"] not in await landlord.page.content()


async def test_the_way_by_a_persons_look_takes_no_picture(
    story: Story, chromium: Browser
) -> None:
    landlord = await visitor(chromium, "zh-CN", "dark")
    tenant = await visitor(chromium, "zh-CN", "dark")
    box = story.addresses["box"]
    await sign_in(landlord, box, "landlord", story.sign_in["landlord"])
    link, code, progress = await let_room(landlord, story)
    await identify(tenant, link, code, "person")
    await tenant.page.wait_for_selector("[hx-get='/tenant/status']")
    assert not await tenant.page.query_selector("input[type=file]")
    await confirm(landlord, box, progress)
    await tenant.page.wait_for_selector("#pin")
    assert tenant.complaints == []


async def test_a_language_is_chosen_with_one_tap_and_kept(
    story: Story, chromium: Browser
) -> None:
    who = await visitor(chromium, "en", "light")
    await who.page.goto(f"{story.addresses['box']}/sign-in")
    assert await lang(who.page) == "en"
    await who.page.click("form[action='/language'] button")
    assert await lang(who.page) == "zh-CN"
    await who.page.goto(f"{story.addresses['box']}/set-up")
    assert await lang(who.page) == "zh-CN"


async def lang(page: Page) -> str | None:
    return await page.get_attribute("html", "lang")


async def test_the_page_stays_whole_at_twice_the_text_size(
    story: Story, chromium: Browser
) -> None:
    who = await visitor(chromium, "en", "light")
    await who.page.goto(f"{story.addresses['box']}/sign-in")
    larger = "document.documentElement.style.fontSize = '200%'"
    await who.page.evaluate(larger)
    await who.show("large")


async def test_every_field_has_a_name_for_a_screen_reader(
    story: Story, chromium: Browser
) -> None:
    landlord = await visitor(chromium, "en", "light")
    box = story.addresses["box"]
    await sign_in(landlord, box, "landlord", story.sign_in["landlord"])
    for path in ("/landlord/houses/new", story.house):
        await landlord.page.goto(box + path)
        nameless = await landlord.page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')]"
            ".filter(e => !e.labels.length && !e.ariaLabel).map(e => e.name)"
        )
        assert nameless == []


async def test_d14_roles_see_only_what_is_theirs(story: Story) -> None:
    box = story.addresses["box"]
    async with httpx.AsyncClient(base_url=box, trust_env=False) as stranger:
        for path in ("/landlord", story.house, "/tenant"):
            response = await stranger.get(path)
            assert response.status_code == 401
            assert response.headers["content-type"] == "application/problem+json"
    landlord = story.landlord.client
    refused = await landlord.get("/tenant", headers={"Accept": "*/*"})
    assert refused.status_code == 403
    unknown = await landlord.get("/landlord/houses/nobodys", headers={"Accept": "*/*"})
    assert unknown.status_code == 404


async def test_a_form_from_another_site_changes_nothing(story: Story) -> None:
    client = story.landlord.client
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        response = await client.post("/sign-out", headers=headers)
        assert response.status_code == 403
    assert (await client.get("/landlord")).status_code == 200


async def test_bad_forms_are_answered_with_what_to_mend(story: Story) -> None:
    client = story.landlord.client
    plain = {"Accept": "application/json"}
    response = await client.post("/landlord/houses/new", data={}, headers=plain)
    assert response.status_code == 422
    assert {"field", "why"} <= set(response.json()["errors"][0])
    rooms = {**HOUSE_FORM, "rooms": "101\n101"}
    response = await client.post("/landlord/houses/new", data=rooms, headers=plain)
    assert response.status_code == 422
    large = {"live": b"x" * 40_000_000}
    response = await client.post("/landlord/houses/new", files=large, headers=plain)
    assert response.status_code == 413
    response = await client.post("/tenant/faces", files=large, headers=plain)
    assert response.status_code == 403  # whose it is counts before how large it is


HOUSE_FORM = {
    "landlord": "房东甲",
    "phone": "13800000000",
    "name": "n",
    "address": "a",
    "area": "330522",
}


async def test_too_many_passwords_are_slowed(story: Story) -> None:
    async with httpx.AsyncClient(
        base_url=story.addresses["box"], trust_env=False
    ) as client:
        told = {"name": "landlord", "password": "wrong"}
        codes = [
            (await client.post("/sign-in", data=told)).status_code for _ in range(9)
        ]
    assert codes == [403] * 8 + [429]


async def test_a_setup_code_works_once(story: Story) -> None:
    async with httpx.AsyncClient(
        base_url=story.addresses["box"], trust_env=False
    ) as client:
        told = {"name": "landlord", "code": "AAAA", "password": "long enough now"}
        assert (await client.post("/set-up", data=told)).status_code == 403
        assert re.search("problem", (await client.post("/set-up", data=told)).text)
