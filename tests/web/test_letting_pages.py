"""A landlord lets a room to several at once, or to somebody who has no phone."""

import re

import pytest
from playwright.async_api import Browser, Route

from gateway.demo.people import found
from gateway.demo.scene import CLAIM, FIRST, Tenant, link_of
from gateway.demo.story import Story
from tests.web.conftest import Visitor, enter, visitor

HOME = "main form[action='/tenant/identify'] button"


async def landlord_of(
    story: Story, chromium: Browser, language: str, scheme: str
) -> Visitor:
    who = await visitor(chromium, language, scheme)
    await enter(who, story.landlord.client.cookies, story.addresses["box"])
    await who.page.goto(story.addresses["box"] + story.house)
    await who.page.click("a[href$='/lease']")
    return who


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_who_scans_the_code_at_the_door_types_a_number_without_javascript(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    landlord = await landlord_of(story, chromium, language, scheme)
    box = story.addresses["box"]
    await landlord.page.fill("#label", FIRST["name"])
    await landlord.page.click("main button[type=submit]")
    number = await landlord.page.inner_text("#number")
    code = await landlord.page.inner_text("#spoken-code")
    await landlord.show("link-with-number")
    plain = await visitor(chromium, language, scheme, java_script_enabled=False)
    await plain.page.goto(f"{box}/t")
    await plain.page.fill("#number", number)
    await plain.page.fill("#code", code)
    await plain.page.click("main button")
    assert await plain.page.is_visible("[value=person]")
    other = await visitor(chromium, language, scheme)
    await other.page.goto(f"{box}/t")
    await other.show("by-number")
    await other.page.goto(f"{box}/t#a-link")
    await other.page.reload()
    assert not await other.page.is_visible("#number")
    await other.show("by-link")
    assert landlord.complaints == other.complaints == []


async def test_a_link_outlives_another_language_a_wrong_code_and_a_second_tap(
    story: Story, chromium: Browser
) -> None:
    landlord = await landlord_of(story, chromium, "en", "light")
    await landlord.page.fill("#label", FIRST["name"])
    await landlord.page.click("main button[type=submit]")
    link = await landlord.page.inner_text("#link")
    code = await landlord.page.inner_text("#spoken-code")
    who = await visitor(chromium, "zh-CN", "light")
    page = who.page
    await page.goto(link)
    await page.click("form[action='/language'] button")
    assert await page.get_attribute("html", "lang") == "en"
    await page.fill("#code", "none")
    await page.click("main button")
    await page.wait_for_selector("[role=alert]")
    await who.show("code-wrong")
    assert not await page.is_visible("#number")
    await page.fill("#code", code)
    await page.click("main button[type=submit]")
    await page.check("[value=person]")
    assert await page.evaluate("sessionStorage.getItem('link')") is None
    await page.goto(link)  # once more, from his messages
    await who.show("link-under-way")
    await page.click("main a.button")
    await page.check("[value=person]")
    await page.click("main button[type=submit]")
    await page.wait_for_selector("main [name=number]")
    await page.go_back()  # to the link, or to the step that is next: to no other
    await page.wait_for_selector(f"main a[href='/tenant'], {HOME}")
    assert who.complaints == []


async def test_a_dead_link_stands_in_no_numbers_way(
    story: Story, chromium: Browser
) -> None:
    who = await visitor(chromium, "en", "light")
    page, box = who.page, story.addresses["box"]
    await page.goto(f"{box}/t#no-such-link")
    assert not await page.is_visible("#number")
    await page.fill("#code", "1234")
    await page.click("main button")
    await page.wait_for_selector("[role=alert]")
    await page.goto(f"{box}/t")
    assert await page.is_visible("#number")


async def test_a_link_whose_answer_is_lost_on_the_way_is_not_lost(
    story: Story, chromium: Browser
) -> None:
    link, code = link_of(await story.let("101", FIRST["name"]))
    who = await visitor(chromium, "en", "light")
    page, box = who.page, story.addresses["box"]

    async def lose(route: Route) -> None:
        await route.fetch(max_redirects=0)  # the box has it
        await route.fulfill(status=204)  # which is nothing to show

    await page.goto(f"{box}/t#{link}")
    await page.fill("#code", code)
    await page.route("**/t", lose, times=1)
    await page.click("main button[type=submit]")
    await page.goto(f"{box}/t")
    await page.fill("#code", code)
    await page.click("main button[type=submit]")
    await page.check("[value=person]")


async def test_a_page_that_was_left_open_undoes_nothing(story: Story) -> None:
    """As a second tab has it, or a browser that shows a page from before."""
    made = await story.let("101", FIRST["name"])
    token, code = link_of(made)
    lease = found(r'action="(/landlord/leases/\w+)/invite"', made)
    tenant = Tenant(lease, await story.browser(story.addresses["box"]))
    say, waits = tenant.browser.send, "One step left"
    await say("/t", {"token": token, "code": code})
    for _ in range(2):
        await say("/tenant/notice", {"path": "person"})
    for _ in range(2):
        assert waits in await say("/tenant/identify", FIRST)
    await say("/tenant/notice", {"path": "scan"}, refused=409)
    assert waits in await tenant.browser.look("/tenant")
    await story.confirm(tenant, FIRST)
    await say("/tenant/notice", {"path": "person"}, refused=409)
    await say("/tenant/identify", {**FIRST, "name": "Somebody Else"}, refused=409)
    await say("/tenant/send", {}, refused=409)
    await say("/tenant/withdraw", {"path": "scan"})
    assert 'id="pin"' in await tenant.browser.look("/tenant")
    status = await story.accepted(1)
    assert status["accepted"] == 1


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_family_gets_its_links_in_one_go(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    who = await landlord_of(story, chromium, language, scheme)
    page = who.page
    await page.fill("#label", "\n".join(f"Tenant {n}" for n in range(9)))
    await page.click("main button[type=submit]")
    assert await page.is_visible("text=/422|八名|eight/")
    await page.go_back()
    await page.fill("#label", "Mother\n  Father \n\nChild")
    await who.show("lease-several")
    await page.click("main button[type=submit]")
    links = await page.query_selector_all("img.qr")
    assert len(links) == 3
    await who.show("links-several")
    leases = await page.query_selector_all("a[href^='/landlord/leases/']")
    text = await page.inner_text("main")
    assert len(set(re.findall(r"/t#[\w-]{20,}", text))) == len(leases) == 3
    assert who.complaints == []


async def test_whoever_has_no_phone_is_registered_on_his_landlords(
    story: Story, chromium: Browser
) -> None:
    who = await landlord_of(story, chromium, "en", "light")
    page, box = who.page, story.addresses["box"]
    await page.fill("#label", FIRST["name"])
    await page.click("main button[type=submit]")
    await page.wait_for_selector("#link")
    lease = await page.get_attribute("#progress", "hx-get")
    await page.click("summary:has-text('has no phone')")
    await who.show("hand-over")
    await page.click("form[action$='/here'] button")
    await page.check("[value=person]")
    await page.click("main button[type=submit]")
    await page.fill("#name", FIRST["name"])
    await page.fill("#number", FIRST["number"])
    await page.click(HOME)
    await page.goto(f"{box}/landlord")  # which is not the tenant's to see
    assert await page.query_selector("a[href^='/landlord/houses']") is None
    await page.goto(f"{box}/tenant")
    await page.click("footer summary")
    await who.show("hand-back")
    await page.click("form[action='/sign-out'] button")
    await page.goto(f"{box}/tenant")
    assert "Sign in" in await page.inner_text("main")
    again = await story.browser(box)
    password = story.sign_in["landlord"]
    await again.send("/sign-in", {"name": "landlord", "password": password})
    claim = found(CLAIM, await again.look(lease))
    told = {"last_four": FIRST["number"][-4:], "seen": "true"}
    for told["claim"], refused in ((int(claim) - 1, 409), (claim, None)):
        # As it was before he changed it, and as it is.
        await again.send(lease.replace("progress", "confirm"), told, refused=refused)
    await story.accepted(1)
