"""Who may what, generated: people, routes, two houses, sockets, verbs, MQTT accounts.

One box with the broker that `lodge init` lays; two landlords with a house and a tenant
each, one at a Zigbee lock, one at a Wi-Fi lock on the network; a station beside it.
"""

import asyncio
import inspect
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import MagicMock

import aiomqtt
import httpx
import pytest

import station.wiring
from gateway.demo.hardware import LOCK
from gateway.demo.people import Browser, found
from gateway.demo.programs import ask, mosquitto
from gateway.demo.story import Story
from gateway.mosquitto import RULES
from gateway.settings import LodgeSettings
from gateway.web import site
from gateway.web.control import control_app
from porch.accounts import Role
from porch.guard import ROUTE, Route
from tests.web.conftest import played
from tests.web.estate import Estate, Home
from tests.web.test_roles import FORM

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
JSON = {"Accept": "application/json"}
NOBODY = 65534


@pytest.fixture
async def estate(laid: Story, tmp_path: Path) -> AsyncIterator[Estate]:
    async with played(Estate, laid, tmp_path) as told:
        yield told


def routes(rooms: Iterator[type]) -> Iterator[Route]:
    for room in rooms:
        marked = (getattr(each, ROUTE, None) for each in vars(room).values())
        yield from filter(None, marked)


def of(module) -> list[Route]:
    return list(routes(filter(inspect.isclass, vars(module).values())))


# What a page says of the time as it goes on.
MINUTES = re.compile(r"\w{3} \d+, \d{4} \d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d")


async def standing(estate: Estate) -> dict:
    """Return what nobody else's trying may change: keys, locks, reports, pages."""
    config = ("--config", estate.config)
    keys = await ask("key", "ls", *config)
    shown = [await ask("key", "show", each["key"], *config) for each in keys]
    doors = [await home.tenant.look("/tenant/door") for home in estate.homes]
    pages = [MINUTES.sub("", found(r"(?s)<main.*?</main>", each)) for each in doors]
    return {
        "keys": shown,
        "pages": pages,
        "pins": dict(estate.lock.pins),
        "opened": (estate.lock.unlocks, list(estate.gate.told)),
        "sync": {**await ask("sync", "status", *config), "oldest_seconds": None},
    }


async def settled(estate: Estate) -> dict:
    """Return how things stand once locks and station have said what they have to."""
    await estate.accepted(2)
    told = [await standing(estate)]
    while len(told) < 3 or told[-3:] != told[-1:] * 3:
        await asyncio.sleep(0.3)
        told.append(await standing(estate))
    return told[-1]


async def unchanged(estate: Estate, before: dict) -> None:
    """Say what is another way than before."""
    after = await standing(estate)
    for what, was in before.items():
        lines = zip(str(was).split("\\n"), str(after[what]).split("\\n"), strict=False)
        assert after[what] == was, [each for each in lines if each[0] != each[1]]


async def refused(browser: Browser, route: Route, path: str, form: dict) -> int:
    """Ask, as somebody who may not; return the answer's status."""
    answer = await browser.client.request(
        route.method,
        path,
        data=None if route.method == "GET" else form,
        headers=JSON,
    )
    assert "your password once more" not in answer.text, (route, path)
    return answer.status_code


def paths(estate: Estate) -> Iterator[tuple[Route, Home | None, str]]:
    """Yield the box's routes that are not everybody's, for each house they may mean."""
    unknown = {"task": "unknown"}
    for route in of(site):
        if not route.roles:
            continue
        for home in estate.homes if "{" in route.path else [None]:
            ids = home.ids if home else {}
            yield route, home, route.path.format(**unknown, **ids)


async def seen(browser: Browser, route: Route, path: str) -> bool:
    """Say whether a page is shown to whom it is for; what acts is not tried."""
    if route.method != "GET" or "unknown" in path:
        return False
    return (await browser.client.get(path)).status_code == 200


async def test_people_by_routes_by_houses(estate: Estate) -> None:
    one, two = estate.homes
    officer = await estate.browser(estate.addresses["box"])
    officer.client.cookies = httpx.Cookies(estate.officer.client.cookies)
    people = {
        "nobody": (await estate.browser(estate.addresses["box"]), None, None),
        "officer": (officer, None, None),  # his session is the station's
        "landlord one": (one.landlord, Role.LANDLORD, one),
        "landlord two": (two.landlord, Role.LANDLORD, two),
        "tenant one": (one.tenant, Role.TENANT, one),
        "tenant two": (two.tenant, Role.TENANT, two),
    }
    before, no, yes = await settled(estate), 0, 0
    for route, home, path in paths(estate):
        for name, (browser, role, own) in people.items():
            if role in route.roles and home in (None, own):
                yes += await seen(browser, route, path)
                continue
            wanted = {401} if role is None else {403}
            if role in route.roles:
                wanted = {403, 404}
            kinds = ("end_lease", "visit")  # which of the two a form means by `kind`
            told = [{**FORM, "said": "no", "kind": kind} for kind in kinds]
            got = {await refused(browser, route, path, each) for each in told}
            assert got - {422} in ({401}, {403}, {404}), (name, route, path, got)
            assert got & wanted, (name, route, path, got)
            no += 1
    await unchanged(estate, before)
    assert no > 400
    assert yes > 40
    for home in estate.homes:  # what others could not name was there for its own
        await home.tenant.send("/tenant/guests/{guest}/end".format(**home.ids), {})
        answer = "/tenant/questions/{question}".format(**home.ids)
        await home.tenant.send(answer, {"said": "no"})


async def test_people_by_routes_of_the_station(estate: Estate) -> None:
    address = estate.addresses["station"]
    people = {}
    for name, cookies in {
        "nobody": None,
        "landlord": estate.landlord.client.cookies,
        "tenant": estate.homes[0].tenant.client.cookies,
    }.items():
        people[name] = await estate.browser(address)
        people[name].client.cookies = httpx.Cookies(cookies)
    box = LodgeSettings.load(Path(estate.config)).box
    no = yes = 0
    for route in of(station.wiring):
        if Role.OFFICER not in route.roles:
            continue
        path = route.path.format(box=box)
        for name, browser in people.items():
            status = await refused(browser, route, path, FORM)
            assert status == 401, (name, route, status)
            no += 1
        if route.method == "GET" and not path.endswith("/events"):
            yes += (await estate.officer.client.get(path)).status_code == 200
    assert no >= 3 * 15
    assert yes >= 5
    await estate.board_shows(2)


def verbs(app) -> list[tuple[str, str]]:
    return [(m, each.path) for each in app.routes for m in each.methods - {"HEAD"}]


SPEAKS = """
import json, os, socket, sys
path, verbs = sys.argv[1], json.loads(sys.argv[2])
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
heard = []
for method, verb in verbs:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    try:
        line.connect(path)
        line.sendall(f"{{method}} {{verb}} HTTP/1.1\\r\\nHost: l\\r\\n\\r\\n".encode())
        if line.recv(1000):
            heard.append(verb)
    except OSError:
        pass
    line.close()
print(json.dumps(heard))
"""


async def heard_by(uid: int, path: Path, said: list[tuple[str, str]]) -> list[str]:
    """Return the verbs that an account of this machine gets an answer to."""
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SPEAKS.format(uid=uid), str(path), json.dumps(said)),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await run.communicate()
    return json.loads(told)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(1000))
    writer.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root speaks as somebody else")
async def test_accounts_of_the_machine_by_sockets_by_verbs(estate: Estate) -> None:
    sockets = {
        estate.folder / "box" / "run" / "lodge.sock": control_app(
            MagicMock(), MagicMock(), b""
        ),
        estate.folder / "station" / "run" / "station.sock": station.wiring._control(
            MagicMock()
        ),
    }
    every = [verb for app in sockets.values() for verb in verbs(app)]
    assert len(every) > 15
    before = await settled(estate)
    inner = (estate.folder, estate.folder / "box", estate.folder / "station")
    for each in (*estate.folder.parents, *inner):
        if not each.stat().st_mode & 0o001:  # else nobody comes as far as a socket
            each.chmod(0o755)
    open_ = estate.folder / "open.sock"
    async with await asyncio.start_unix_server(_echo, open_):
        open_.chmod(0o666)
        assert await heard_by(NOBODY, open_, every[:1])
    for path, app in sockets.items():
        assert await heard_by(NOBODY, path, every) == []
        others = [each for each in every if each not in verbs(app)]
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport) as owner:
            for method, verb in others:  # no program answers for the other
                answer = await owner.request(method, f"http://l{verb}", json={})
                assert answer.status_code == 404, verb
    transport = httpx.AsyncHTTPTransport(uds=str(next(iter(sockets))))
    async with httpx.AsyncClient(transport=transport) as owner:
        for home in estate.homes:  # nor is a resident's key or door the operator's
            told = {"key": home.ids["key"], "holder": "00" * 32}
            for verb in ("token", "freeze", "thaw", "revoke"):
                answer = await owner.post(f"http://l/key/{verb}", json=told)
                assert answer.status_code == 409, (verb, answer.text)
            door = {"door": home.ids["door"]}
            answer = await owner.post("http://l/lock/unlock", json=door)
            assert answer.json()["opened"] is False
    after = await standing(estate)
    # He was asked for his door, which is what he sees of it.
    assert {**after, "pages": None} == {**before, "pages": None}
    for home in estate.homes:
        assert "/tenant/questions/" in await home.tenant.look("/tenant/door")


# What each account may say, and what it hears of the rest; by hand, not by the rules.
SAYS = {
    "lodge": {"zigbee", "keypad", "announced", "command", "available", "gate/set"},
    "zigbee2mqtt": {"zigbee", "keypad"},
    "homeassistant": {"command"},
    "frigate": {"frigate"},
    "probe": set(),
    "gate": {"gate/state"},
}
HEARS = {
    "lodge": {
        *("zigbee", "keypad", "announced", "foreign", "command", "available"),
        *("gate/state", "frigate"),
    },
    "zigbee2mqtt": {"zigbee", "keypad"},
    "homeassistant": {"announced", "foreign", "command", "available"},
    "frigate": {"frigate"},
    "probe": set(),
    "gate": {"gate/set"},
}


TOPICS = {
    f"zigbee2mqtt/{LOCK}/set": "zigbee",
    "zigbee2mqtt/front_keypad": "keypad",
    "homeassistant/device/lodge/config": "announced",
    "homeassistant/lock/x/config": "foreign",
    "lodge/available": "available",
    "gate/set": "gate/set",
    "gate/state": "gate/state",
    "frigate/events": "frigate",
    "x/y": "elsewhere",
    "$SYS/x": "system",
}


async def listened(client: aiomqtt.Client) -> set[str]:
    """Return the topics on which something new comes within a while."""
    heard: set[str] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.8):
            async for message in client.messages:
                if message.payload == b"{}":  # others are kept from before
                    heard.add(str(message.topic))
    return heard


async def test_accounts_of_the_broker_by_topics_by_doors(estate: Estate) -> None:
    await estate.box.stop()  # who may speak is the broker's own word
    estate.locking.cancel()
    broker, doors = estate.broker, [home.ids for home in estate.homes]
    names = TOPICS | {"lodge/{house}/{door}/set".format(**d): "command" for d in doors}
    assert set(SAYS) - {"gate"} | {"doctor"} == set(RULES)
    async with broker.client("doctor") as doctor:
        await doctor.subscribe("#")
        for user, says in SAYS.items():
            who = estate.gate.client() if user == "gate" else broker.client(user)
            async with who as client:
                for topic in names:
                    await client.publish(topic, "{}", qos=0)
                said = await listened(doctor)
                assert said == {t for t, n in names.items() if n in says}, user
                for every in ("#", "+/+", "+/+/+/set", *TOPICS):
                    with suppress(aiomqtt.MqttError):
                        await client.subscribe(every)
                for topic in names:
                    await doctor.publish(topic, "{}", qos=1)
                wanted = {t for t, n in names.items() if n in HEARS[user]}
                heard = await listened(client)
                assert heard == wanted, (user, heard ^ wanted)
            await listened(doctor)


async def test_who_has_no_account_says_nothing_to_the_broker(estate: Estate) -> None:
    await estate.box.stop()
    broker = estate.broker
    async with broker.client("doctor") as doctor:
        await doctor.subscribe("#")
        with suppress(aiomqtt.MqttError):
            async with broker.client(None) as client:
                await client.publish(f"zigbee2mqtt/{LOCK}/set", "{}", qos=0)
        assert await listened(doctor) == set()


async def test_integrations_open_no_home_that_is_let(estate: Estate) -> None:
    before = await settled(estate)
    for user in ("homeassistant", "zigbee2mqtt", "frigate", "probe"):
        async with estate.broker.client(user) as client:
            for home in estate.homes:
                for word in ("UNLOCK", "OPEN", "LOCK", '{"state":"UNLOCK"}'):
                    topic = "lodge/{house}/{door}/set".format(**home.ids)
                    await client.publish(topic, word, qos=0)
                    await client.publish("gate/set", word, qos=0)
    async with estate.gate.client() as client:
        for topic in (f"zigbee2mqtt/{LOCK}/set", "zigbee2mqtt/front_keypad"):
            await client.publish(topic, '{"state":"UNLOCK"}', qos=0)
    await asyncio.sleep(1)
    await unchanged(estate, before)
