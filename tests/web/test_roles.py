"""Who may what: every route of the box against every role, and what each one shows."""

import inspect
import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from gateway.demo.programs import ask, mosquitto
from gateway.demo.scene import FIRST
from gateway.demo.story import Story
from gateway.web import site
from porch.accounts import Role
from porch.guard import ROUTE, Route
from tests.web.test_door_pages import config, door_of

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]
JSON = {"Accept": "application/json"}
FORMS = "application/x-www-form-urlencoded"
FORM = {
    "name": "x",
    "lock": "0x1",
    "announced": "x",
    "least": "6",
    "most": "6",
    "first": "1",
    "last": "9",
    "room": "shared",
    "label": "x",
    "doors": "x",
    "start": "2026-01-01",
    "end": "2030-01-01",
    "last_four": "0016",
    "seen": "true",
    "claim": "1",
    "account": "landlord",
    "landlord": "房东乙",
    "phone": "13800000000",
    "who": "somebody",
    "basis": "because",
    "witness": "nobody",
    "authority": "Court",
    "number": "2026-1",
    "code": "12345678",
    "sharing": "unlocks",
    "sensor": "x",
    "offered": "true",
    "leases": "x",
    "purpose": "why",
    "granted": "true",
    "text": "because",
}


def routes() -> Iterator[Route]:
    """Yield every route that the box's site is put together from."""
    for room in filter(inspect.isclass, vars(site).values()):
        marked = (getattr(each, ROUTE, None) for each in vars(room).values())
        yield from filter(None, marked)


async def test_d14_every_route_refuses_every_other_role(lived_in: Story) -> None:
    story, there = lived_in, await places(lived_in)
    stranger = await story.browser(story.addresses["box"])
    people = {
        None: (stranger, 401),
        Role.LANDLORD: (story.landlord, 403),
        Role.TENANT: (story.first.browser, 403),
    }
    tried = 0
    for route in routes():
        path = route.path.format(**there)
        for role, (browser, refused) in people.items():
            if not route.roles or role in route.roles:
                continue
            answer = await browser.client.request(route.method, path, headers=JSON)
            assert answer.status_code == refused, (route, role)
            assert "your password once more" not in answer.text, route
            assert answer.headers["content-type"] == "application/problem+json"
            tried += 1
    assert tried > 150


async def test_d14_no_page_of_a_landlord_shows_comings_numbers_or_faces(
    lived_in: Story,
) -> None:
    story, there = lived_in, await places(lived_in)
    await story.unlocks(story.first.pin, 1)
    await story.first.browser.until("/tenant", "data-event=.unlock/granted")
    seen = 0
    for route in routes():
        if route.method != "GET" or route.roles != {Role.LANDLORD}:
            continue
        page = await story.landlord.look(route.path.format(**there))
        for kept in (FIRST["number"], story.first.pin, "unlock/granted"):
            assert kept not in page, (route, kept)
        assert "data:image/jpeg" not in page
        seen += 1
    assert seen > 10
    mine = await story.first.browser.look("/tenant")
    assert story.first.pin in mine  # what is looked for does stand on his own page
    assert "unlock/granted" in mine


async def a_request(story: Story) -> str:
    told = {"kind": "explain", "text": "Who saw this?"}
    await story.first.browser.send("/tenant/requests", told)
    data = json.loads(await story.first.browser.look("/tenant/data.json"))
    return data["requests"][0]["number"]


async def places(story: Story) -> dict[str, str]:
    """Return what the paths of a house in which somebody lives are about."""
    door = await door_of(story)
    made = await ask(
        *("key", "issue", "Cleaner", "--door", door),
        *("--end", "2030-01-01T00:00:00", *config(story)),
    )
    return {
        "house": story.house.rsplit("/", 1)[1],
        "room": (await story.rooms())["101"],
        "lease": story.first.lease.rsplit("/", 1)[1],
        "door": door,
        "key": made["key"],
        "pin": made["pin"],
        "task": "unknown",
        "guest": "unknown",
        "question": "unknown",
        "asked": await a_request(story),
    }


EXTREMES = (
    {"start": "9999-12-31", "end": "9999-12-31", "claim": str(2**70)},
    {"start": "0001-01-01", "end": "0001-01-01T00:00:00+14:00", "claim": "-1"},
    {"start": "2026-01-01T00:00", "end": "9999-12-31T23:59:59-12:00"},
    {"start": "NaN", "end": "", "doors": "\0", "label": "\0", "name": "\0"},
    {"label": "x" * 60_000, "number": "9" * 5_000, "text": "\ud83d", "who": "\x7f"},
    {"said": "yes", "pin": "1" * 5_000, "nonce": "", "at": "nan", "code": "0" * 5_000},
)


async def test_no_value_of_any_form_breaks_a_page(lived_in: Story) -> None:
    """Whatever is sent: a refusal with its reason, or the deed; never a failure."""
    story, there = lived_in, await places(lived_in)
    people = {
        Role.LANDLORD: story.landlord,
        Role.TENANT: story.first.browser,
        None: await story.browser(story.addresses["box"]),
    }
    ends = ("/sign-out", "/leave", "/end", "/month-end", "/password")
    tried = 0
    for route in routes():
        if route.path.endswith(ends):
            continue
        role = next(iter(route.roles & people.keys()), None)
        for extreme in EXTREMES:
            told = urlencode({**FORM, **extreme}, errors="surrogatepass")
            asked = f"?{told}" if route.method == "GET" else ""
            answer = await people[role].client.request(
                route.method,
                route.path.format(**there) + asked[:8000],
                content=None if route.method == "GET" else told,
                headers={**JSON, "Content-Type": FORMS},
            )
            assert answer.status_code < 500, (route, extreme, answer.text[:200])
            tried += 1
    assert tried > 300
    await story.first.browser.until("/tenant", "data-pin")


async def test_d14_two_landlords_touch_nothing_of_each_others(lived_in: Story) -> None:
    story, there = lived_in, await places(lived_in)
    told = await ask("landlord", "second", *config(story))
    other = await story.browser(story.addresses["box"])
    await other.begin("second", told["code"])
    tried = 0
    for route in routes():
        if "{" not in route.path or Role.LANDLORD not in route.roles:
            continue
        path = route.path.format(**there)
        kinds = ["visit"] if "keys" in path else ["end_lease", "freeze_key"]
        for kind in kinds:
            answer = await other.client.request(
                route.method,
                path,
                data=None if route.method == "GET" else {**FORM, "kind": kind},
                headers=JSON,
            )
            assert answer.status_code in {403, 404}, (route, answer.status_code)
            assert "your password once more" not in answer.text, route
            tried += 1
    assert tried > 20
    leases = {"leases": there["lease"]}
    answer = await other.client.post("/landlord/month-end", data=leases)
    assert answer.status_code == 404
    await story.unlocks(story.first.pin, 1)
    await story.unlocks(there["pin"], 1)
