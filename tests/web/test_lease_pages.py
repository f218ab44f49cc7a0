"""A lease goes on, or stops by a paper, on its landlord's and its tenant's pages."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser

from enrolment.rules.documents import normal_number
from gateway.demo.people import found
from gateway.demo.scene import FIRST, today
from gateway.demo.story import Story
from tests.web.conftest import enter, visitor

DAY = timedelta(days=1)


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_lease_is_prolonged_and_the_station_sees_it(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, story.landlord.client.cookies, box)
    page, lease = landlord.page, story.first.lease
    await story.landlord.send(f"{lease}/co-tenant", {"label": "租客乙"})
    await page.goto(box + lease)
    await page.click("details:has(#end) summary")
    await page.uncheck("[name=others]")
    await landlord.show("lease-prolong")
    offered = await page.input_value("#end")
    assert offered > (today() + timedelta(days=365)).isoformat()
    day = today() + timedelta(days=730)
    await page.fill("#end", day.isoformat())
    await page.click("form[action$='/prolong'] button")
    shown = str(day.year)
    assert shown in await page.inner_text(".lead")
    await landlord.show("lease-prolonged")
    assert landlord.complaints == []
    await story.officer.until("/", shown)
    assert shown in await story.first.browser.look("/tenant/data")
    for wrong in (today() - timedelta(days=1), day, day + timedelta(days=9000)):
        told = {"end": wrong.isoformat()}
        await story.landlord.send(f"{lease}/prolong", told, refused=422)


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_a_lease_whose_last_day_is_over_is_found_and_goes_on(
    story: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box = story.addresses["box"]
    await story.let("101", "租客丙", today() - 181 * DAY)
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, story.landlord.client.cookies, box)
    page = landlord.page
    await page.goto(f"{box}/landlord/month-end")
    await landlord.show("month-end-over")
    await page.click("main .row a")
    await page.wait_for_selector("[role=alert]")
    await landlord.show("lease-over")
    await page.click("details:has(#end) summary")
    assert await page.get_attribute("#end", "min") == today().isoformat()
    await page.click("form[action$='/prolong'] button")
    assert not await page.is_visible("[role=alert]")
    assert landlord.complaints == []


async def seen(story: Story, number: str, order: str) -> dict[str, str]:
    """Have an officer see a paper; return it with the code that he gives for it."""
    told = {"kind": order, "name": FIRST["name"], "number": number}
    page = await story.officer.send("/counter", told)
    code = found(r'id="code">(\d{8})<', page)
    return {"authority": "示范法院", "number": number, "code": code}


async def test_a_paper_acts_only_once_an_officer_saw_it_and_its_tenant_had_time(
    lived_in: Story,
) -> None:
    story, lease = lived_in, lived_in.first.lease
    ends = {"kind": "end_lease", **await seen(story, "2026-0012", "COURT_END")}
    other = {**ends, "number": "2026-0013"}
    await story.landlord.send(f"{lease}/paper", other, refused=422)
    await story.landlord.send(f"{lease}/paper", ends)
    await story.landlord.send(f"{lease}/end", {}, refused=403)
    await story.landlord.send(f"{lease}/freeze", {}, refused=403)
    await story.unlocks(story.first.pin, 1)
    shown = await story.first.browser.look("/tenant/door")
    number = normal_number("2026-0012")
    assert (number in shown, normal_number("2026-0013") in shown) == (True, False)
    assert number in await story.first.browser.look("/tenant")
    newer = await seen(story, "2026-0099", "COURT_HOLD")
    await story.first.browser.send("/tenant/paper", newer)
    page = await story.landlord.look(f"{lease}/end")
    assert number in page
    assert "held by a newer paper" in page
