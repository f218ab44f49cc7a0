"""My data, and the landlord's register, in a real browser."""

import json

import pytest
from playwright.async_api import Browser

from gateway.demo.scene import FIRST
from gateway.demo.story import Story
from tests.web.conftest import enter, visitor


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_a_tenant_sees_who_opened_the_register_and_asks(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box = lived_in.addresses["box"]
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, lived_in.landlord.client.cookies, box)
    page = landlord.page
    await page.goto(f"{box}{lived_in.house}/register")
    await landlord.show("register-sealed")
    assert FIRST["number"] not in await page.content()
    await page.fill("#purpose", "派出所检查 · inspection")
    await page.click("main form button")
    assert FIRST["number"] in await page.content()
    await landlord.show("register-open")
    tenant = await visitor(chromium, language, scheme)
    await enter(tenant, lived_in.first.browser.client.cookies, box)
    await tenant.page.goto(f"{box}/tenant/data")
    await tenant.show("my-data")
    assert await tenant.page.locator("[data-told=landlord_register]").count() == 1
    await tenant.page.select_option("#kind", "explain")
    await tenant.page.fill("#text", "谁看过我的信息？")
    await tenant.page.click("#requests form button")
    await tenant.show("my-data-asked")
    await taken_along(lived_in)
    await page.goto(f"{box}/landlord")
    await page.click("a[href*='/landlord/requests/']")
    await page.check("[value=true]")
    await page.fill("#text", "已说明")
    await landlord.show("request")
    await page.click("main form button")
    await tenant.page.reload()
    assert "已说明" in await tenant.page.inner_text("#requests")
    assert landlord.complaints == tenant.complaints == []


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_a_tenant_corrects_his_name_and_the_board_has_it(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    box, right = lived_in.addresses["box"], "租客甲乙"
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, lived_in.landlord.client.cookies, box)
    tenant = await visitor(chromium, language, scheme)
    await enter(tenant, lived_in.first.browser.client.cookies, box)
    await tenant.page.goto(f"{box}/tenant/data")
    await tenant.page.click("a[href='/tenant/correct']")
    await tenant.page.fill("#number", FIRST["number"][:-1] + "7")
    await tenant.page.click("main form button")
    await tenant.show("correct-wrong")
    await tenant.page.fill("#number", FIRST["number"])
    await tenant.page.fill("#name", right)
    await tenant.page.click("main form button")
    await tenant.page.wait_for_selector("#requests .tag.wait")
    await tenant.show("correct-asked")
    await landlord.page.goto(f"{box}/landlord")
    await landlord.page.click("a[href*='/landlord/requests/']")
    assert FIRST["number"] not in await landlord.page.content()
    await landlord.show("correct-request")
    await landlord.page.fill("#last_four", FIRST["number"][-4:])
    await landlord.page.check("[name=seen]")
    await landlord.page.click("main form button")
    await lived_in.officer.until("/", right)
    await tenant.page.reload()
    assert right in await tenant.page.inner_text("[data-field=name]")
    await tenant.show("corrected")
    assert landlord.complaints == tenant.complaints == []


async def taken_along(story: Story) -> None:
    told = json.loads(await story.first.browser.look("/tenant/data.json"))
    assert told["person"]["number"] == FIRST["number"]
    bases = [each["basis"] for each in told["told"]]
    assert bases == ["landlord_duty", "landlord_register"]
    assert [each["kind"] for each in told["keys"]] == ["lease"]
    await story.lock.type_code(story.first.pin)
    await story.first.browser.until("/tenant/data.json", '"what":"unlock"')


async def test_d14_no_other_landlord_and_no_tenant_opens_a_register(
    lived_in: Story,
) -> None:
    path = f"{lived_in.house}/register"
    tenant = lived_in.first.browser
    await tenant.send(path, {"purpose": "curious"}, refused=403)
