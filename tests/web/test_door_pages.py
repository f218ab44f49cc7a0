"""Doors and keys in a real browser and at a shell, on a running house."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from biscuit_auth import Algorithm, Biscuit, PublicKey
from playwright.async_api import Browser

from devices.model.places import DoorId
from devices.rules.tokens import passed, signed
from enrolment.rules.days import HERE
from firmware_bridge.qr.passes import decode
from gateway.demo.people import found
from gateway.demo.programs import ProgramFailed, ask, mosquitto
from gateway.demo.scene import FIRST, SECOND, today
from gateway.demo.story import Story
from tests.web.conftest import Visitor, enter, visitor

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a person's own watch


def window(hours: int = 2) -> dict[str, str]:
    here = now().astimezone(HERE)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return {  # leases begin with the day
        "start": max(here - timedelta(hours=1), midnight).isoformat(),
        "end": (here + timedelta(hours=hours)).isoformat(),
    }


async def door_of(story: Story) -> str:
    page = await story.landlord.look(story.house)
    return found(r'href="/landlord/doors/(\w{26})"', page)


def config(story: Story) -> tuple[str, str]:
    return ("--config", story.config)


async def test_the_verbs_of_keys_and_locks(lived_in: Story, tmp_path: Path) -> None:
    story, door = lived_in, await door_of(lived_in)
    phone = await ask("key", "holder", str(tmp_path / "phone.key"))
    guest = await ask("key", "holder", str(tmp_path / "guest.key"))
    end = (now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S")
    known = ("--door", door, "--end", end)
    made = await ask(
        "key", "issue", "Cleaner", *known, "--holder", phone["holder"], *config(story)
    )
    await story.unlocks(made["pin"], 1)
    narrowed = await ask(
        *("key", "narrow", made["token"], "--root", made["root"]),
        *("--mine", str(tmp_path / "phone.key"), "--guest", guest["holder"], *known),
    )
    assert len(narrowed["token"]) > len(made["token"])
    shown = await ask("key", "show", made["key"], *config(story))
    assert (shown["state"], shown["doors"]) == ("active", [door])
    assert made["pin"] not in json.dumps(shown)
    for verb, state in (
        ("freeze", "frozen"),
        ("thaw", "active"),
        ("revoke", "revoked"),
    ):
        told = await ask("key", verb, made["key"], *config(story))
        assert told["state"] == state
    await story.stays_shut(made["pin"])
    before = story.lock.unlocks
    with pytest.raises(ProgramFailed):  # open already: it says nothing new
        await ask("lock", "unlock", door, *config(story))
    await story.lock.relock()
    told = await ask("lock", "unlock", door, *config(story))
    assert (told["opened"], told["state"]) == (True, "confirmed")
    await story.wait(lambda: story.lock.unlocks > before, "the door did not open")
    [health] = await ask("lock", "health", *config(story))
    assert health["ok"]
    tenants = (await ask("key", "ls", *config(story)))[0]["key"]
    with pytest.raises(ProgramFailed, match="official paper"):
        await ask("key", "revoke", tenants, *config(story))


async def give_a_cleaner_his_key(landlord: Visitor, keys: str) -> None:
    page = landlord.page
    await page.goto(keys)
    await page.fill("#label", "Cleaner Li")
    await page.check("input[value=recurring]")
    for day in range(7):
        await page.check(f"input[name=days][value='{day}']")
    await page.fill("#opens", "00:00")
    await page.fill("#closes", "00:00")
    await landlord.show("keys")
    await page.click("main form button[type=submit]")
    await page.wait_for_selector("[data-pin=confirmed]", timeout=60_000)
    await landlord.show("key")


async def give_a_guest_his_key(tenant: Visitor) -> None:
    form = "form[action='/tenant/guests']"
    await tenant.page.click(f"details:has({form}) summary")
    await tenant.page.fill(f"{form} #label", "Guest W")
    await tenant.show("guest")
    await tenant.page.click(f"{form} button[type=submit]")
    await tenant.page.wait_for_selector("text=Guest W")


async def given(story: Story, kind: str, start: int, end: int, hours: str = "") -> str:
    """Issue a key from so many hours on until so many; return its PIN."""
    times = [
        (now() + timedelta(hours=each)).strftime("%Y-%m-%dT%H:%M:%S")
        for each in (start, end)
    ]
    words = ["--kind", kind, "--start", times[0], "--end", times[1]]
    words += ["--hours", hours] if hours else []
    made = await ask(
        *("key", "issue", "V", "--door", await door_of(story), *words, *config(story))
    )
    return made["pin"]


async def test_every_kind_of_key_opens_and_refuses_at_the_keypad(
    lived_in: Story,
) -> None:
    story, tenant = lived_in, lived_in.first.browser
    every_day = "mon,tue,wed,thu,fri,sat,sun/00:00-00:00"
    for pin in (
        story.first.pin,
        await given(story, "visit", -1, 1),
        await given(story, "recurring", -1, 1, every_day),
    ):
        await story.unlocks(pin, 1)
    once = await given(story, "one_time", -1, 1)
    await story.unlocks(once, 1)
    await story.stays_shut(once)
    await story.stays_shut(await given(story, "visit", 1, 2))
    other_day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[
        (now() + timedelta(days=3)).weekday()
    ]
    hours = f"{other_day}/09:00-11:00"
    await story.stays_shut(await given(story, "recurring", -1, 200, hours))
    guest = {**window(), "kind": "guest", "label": "W", "doors": await door_of(story)}
    page = await tenant.send("/tenant/guests", guest)
    pin = found(r'<span class="code">(\d{6})</span>', page)
    await story.unlocks(pin, 1)
    await tenant.send(found(r'action="(/tenant/guests/\w+/end)"', page), {})
    await story.stays_shut(pin)
    await tenant.send("/tenant/freeze", {})
    await story.stays_shut(story.first.pin)
    await tenant.send("/tenant/thaw", {})
    await tenant.send("/tenant/pin", {})
    await tenant.until("/tenant", r'data-pin="confirmed"')
    drawn = found(r'id="pin">(\d{6})<', await tenant.look("/tenant"))
    await story.unlocks(drawn, 1)
    await story.stays_shut(story.first.pin)


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_doors_and_keys_in_a_browser(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    landlord = await visitor(chromium, language, scheme)
    tenant = await visitor(chromium, language, scheme)
    await enter(landlord, story.landlord.client.cookies, box)
    await enter(tenant, story.first.browser.client.cookies, box)
    door = f"{box}/landlord/doors/{await door_of(story)}"
    await give_a_cleaner_his_key(landlord, f"{box}{story.house}/keys")
    await tenant.page.goto(f"{box}/tenant/door")
    await tenant.show("residence")
    await give_a_guest_his_key(tenant)
    await landlord.page.goto(door)
    await landlord.show("door")
    assert "Guest W" not in await landlord.page.content()
    await landlord.page.goto(f"{door}/card")
    await landlord.show("door-card")
    await landlord.page.goto(box + story.house)
    await landlord.show("house")
    for path, name in (
        (f"{story.first.lease}/end", "lease-end"),
        ("/landlord", "home"),
    ):
        await landlord.page.goto(box + path)
        await landlord.show(name)
    await landlord.page.goto(f"{box}/landlord/month-end")
    await landlord.show("month-end")
    await landlord.page.goto(f"{box}{story.first.lease}/end")
    await landlord.page.click("button[value=end_lease]")
    await tenant.page.goto(f"{box}/tenant/door")
    await tenant.show("question")
    await tenant.page.click("button[value=yes]")
    await tenant.page.wait_for_selector("h1")
    await tenant.show("moved-out")
    assert (landlord.complaints, tenant.complaints) == ([], [])


async def prolonged(story: Story, tenant: Visitor) -> None:
    """Let the lease run longer, and the phone's key with it."""
    page = tenant.page
    until = await page.inner_text("#until")
    longer = {"end": (today() + timedelta(days=730)).isoformat()}
    await story.landlord.send(f"{story.first.lease}/prolong", longer)
    await page.goto(f"{story.addresses['box']}/tenant")
    await tenant.show("done-prolonged")
    await page.click("main a[href='/phone']")
    await page.click("details summary")
    await tenant.show("phone-longer")
    await page.click("#again")
    changed = "was => document.getElementById('until').textContent != was"
    while not await page.evaluate(changed, until):
        await page.wait_for_timeout(100)


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "dark"), ("en", "light")])
async def test_a_phone_holds_its_key_and_shows_passes_without_a_network(
    lived_in: Story, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = lived_in, lived_in.addresses["box"]
    tenant = await visitor(chromium, language, scheme)
    page = tenant.page
    await page.goto(f"{box}/phone")
    await page.click("#bind")
    await page.wait_for_selector("#failed:visible")
    await enter(tenant, story.first.browser.client.cookies, box)
    await page.goto(f"{box}/phone")
    await tenant.show("phone-empty")
    await page.click("#bind")
    await page.wait_for_selector("#with:visible")
    await prolonged(story, tenant)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await tenant.context.set_offline(True)
    await page.reload()
    await page.click("#show")
    await page.wait_for_selector("#pass:visible")
    await tenant.show("phone")
    text = await page.get_attribute("#pass", "data-text")
    made = decode(text)
    assert made is not None
    assert abs(made.shown_at - now()) < timedelta(seconds=15)
    door = DoorId(await page.input_value("#door"))
    told = passed(door, made.token, made.shown_at, made.nonce)
    kept = await page.evaluate(
        "kept().then((key) => [key.token, key.mine.extractable])"
    )
    assert kept == [made.token.hex(), False]
    root = await page.evaluate("kept().then((key) => key.root)")
    assert signed(holder_of(made.token, bytes.fromhex(root)), made.signature, told)
    allowed = [each for each in tenant.complaints if "ERR_INTERNET" not in each]
    assert [each for each in allowed if "401" not in each] == []


def holder_of(token: bytes, root: bytes) -> bytes:
    """Read the phone's public key from a token, by the library alone."""
    known = PublicKey.from_bytes(root, Algorithm.Ed25519)
    source = Biscuit.from_bytes(token, known).block_source(0)
    return bytes.fromhex(found(r"holder\(hex:([0-9a-f]{64})\)", source))


async def test_residents_see_no_more_of_each_other_than_they_must(
    lived_in: Story,
) -> None:
    story = lived_in
    second = await story.come_in("102", SECOND, today())
    await story.confirm(second, SECOND)
    await story.unlocks(story.first.pin, 1)
    await story.first.browser.until("/tenant", "data-event=.unlock/granted")
    for path in ("/tenant", "/tenant/door"):
        page = await second.browser.look(path)
        assert "unlock/granted" not in page
        assert FIRST["name"] not in page
    landlord = await story.landlord.look(f"/landlord/doors/{await door_of(story)}")
    assert not re.search("Opened|开门记录", landlord)
    guest = {**window(), "kind": "guest", "label": "W", "doors": await door_of(story)}
    await second.browser.send("/tenant/guests", guest)
    wide = {**guest, **window(hours=24 * 400)}
    await second.browser.send("/tenant/guests", wide, refused=422)
