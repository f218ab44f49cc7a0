"""Who may what, generated: people, routes, two houses, sockets, verbs, MQTT accounts.

One box with the broker that `lodge init` lays; two landlords with a house and a tenant
each, one at a Zigbee lock, one at a Wi-Fi lock on the network; a station beside it.
"""

import asyncio
import inspect
import json
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import MagicMock

import aiomqtt
import httpx
import pytest

import station.wiring
from gateway.demo.hardware import LOCK, SimulatedLock
from gateway.demo.people import Browser, found
from gateway.demo.programs import Program, ask, free_port, lodge, mosquitto
from gateway.demo.scene import FIRST, SECOND, today
from gateway.demo.story import Story
from gateway.mosquitto import RULES
from gateway.mosquitto.devices import open_beyond
from gateway.settings import LodgeSettings
from gateway.web import site
from gateway.web.control import control_app
from gateway.wiring.broker import place_of
from porch.accounts import Role
from porch.authority import authority
from porch.guard import ROUTE, Route
from tests.system.test_broker_link import until
from tests.web.conftest import played
from tests.web.test_door_pages import window
from tests.web.test_roles import FORM

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
JSON = {"Accept": "application/json"}
MAPPED = """
[[mapped]]
name = "gate"
command_topic = "gate/set"
state_topic = "gate/state"
"""
OTHER = {
    "landlord": "房东乙",
    "phone": "13900000000",
    "name": "Other house",
    "address": "示范路2号",
    "area": "330522",
    "rooms": "201\n202",
}
NOBODY = 65534


@dataclass(eq=False)
class Home:
    """One landlord's house: who lets it, who lives there, what its paths are about."""

    landlord: Browser
    tenant: Browser
    ids: dict[str, str] = field(default_factory=dict)


class LaidBroker:
    """The broker that `lodge init` laid, as a user runs it."""

    version = "5"

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.beyond = folder, free_port(), free_port()
        self._program: Program | None = None

    def password(self, user: str) -> str:
        return (self.folder / "keys" / f"{user}.password").read_text().strip()

    async def start(self) -> None:
        place = self.folder / "mosquitto"
        conf = place / "lodge.conf"
        was = found(r"pid_file (\S+)/mosquitto/mosquitto.pid", conf.read_text())
        told = conf.read_text().replace(was, str(self.folder))
        conf.write_text(told.replace("1883", str(self.port)))
        settings = LodgeSettings.load(self.folder / "lodge.toml")
        seal = authority(settings.master(), "devices").seal
        open_beyond(place_of(settings), "127.0.0.1", self.beyond, seal)
        command = (str(mosquitto()), "-c", str(conf))
        self._program = Program(command, self.folder / "broker.log")
        await self._program.start()
        await until((place / "mosquitto.pid").exists)

    async def stop(self) -> None:
        if self._program is not None:
            await self._program.stop()

    def client(self, user: str | None, **more) -> aiomqtt.Client:
        told = {"username": user, "password": self.password(user)} if user else {}
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=3,
            **told,
            **more,
        )


class Gate:
    """A Wi-Fi lock on the network, with its certificate; counts what it was told."""

    def __init__(self, broker: LaidBroker, given: Path) -> None:
        self.told: list[str] = []
        self._tls = ssl.create_default_context(cafile=given / "gate-ca.pem")
        self._tls.load_cert_chain(given / "gate.pem", given / "gate.key")
        self._port = broker.beyond

    def client(self) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self._port, tls_context=self._tls)

    async def run(self) -> None:
        with suppress(aiomqtt.MqttError):  # somebody else comes as the gate
            async with self.client() as client:
                await client.subscribe("gate/set")
                await client.publish("gate/state", "LOCKED", retain=True)
                async for message in client.messages:
                    self.told.append(bytes(message.payload).decode())


class Estate(Story):
    """The story, on a broker that is as `init` laid it, with two landlords."""

    async def start(self) -> None:
        folder = self.folder / "box"
        (folder / "lodge.toml").write_text((folder / "lodge.toml").read_text() + MAPPED)
        self.broker = LaidBroker(folder)
        await self.broker.start()
        self.stack.push_async_callback(self.broker.stop)
        settings = {"LODGE_BROKER__PORT": str(self.broker.port)}
        self.box = Program(
            lodge("run", "--config", self.config), self.folder / "box.log", settings
        )
        self.station = Program(
            lodge("station", "run", "--config", self.station_config),
            self.folder / "station.log",
        )
        given = self.folder / "gate"
        given.mkdir()
        verb = ("broker", "device", "gate", "--out", str(given))
        rules = ("--topic", "write gate/state", "--topic", "read gate/set")
        assert (
            await ask(*verb, *rules, "--config", self.config, environment=settings)
        )["in_force"]
        self.gate = Gate(self.broker, given)
        self.gating = self.beside(self.gate.run())
        told = ("zigbee2mqtt", self.broker.password("zigbee2mqtt"))
        self.lock = SimulatedLock("127.0.0.1", self.broker.port, *told)
        self.locking = self.beside(self.lock.run())
        await asyncio.gather(self.start_box(), self.start_station())

    async def register_house(self) -> None:
        told = await ask("landlord", "second", "--config", self.config)
        other = await self.browser(self.addresses["box"])
        await other.begin("second", told["code"])
        for device in ("mqtt:gate", "0x00124b0022fa1c01", "front_keypad"):
            whose = "second" if device.startswith("mqtt") else "landlord"
            await ask("lock", "give", device, whose, "--config", self.config)
        mine = {**OTHER, "landlord": "房东甲", "name": "House", "address": "示范路1号"}
        mine["rooms"] = "101\n102"
        self.homes = [
            await self.home(self.landlord, mine, "101", FIRST, "front_keypad"),
            await self.home(other, OTHER, "201", SECOND, ""),
        ]

    async def home(
        self, by: Browser, house: dict, room: str, who: dict, keypad: str
    ) -> Home:
        """Register a house whose door is one room's, and let the room to somebody."""
        mine, self.landlord = self.landlord, by
        page = await by.send("/landlord/houses/new", house)
        self.house = found(r'action="(/landlord/houses/\w+)/doors"', page)
        lock = await by.until(self.house, r'<option value="((?:0x|mqtt:)\w+)">')
        page = await by.look(self.house)
        listed = re.findall(r'name="room" value="(\w{26})" required><span>(\w+)', page)
        rooms = {name: number for number, name in listed}
        hung = {"name": "Door", "lock": lock, "room": rooms[room], "keypad": keypad}
        await by.send(f"{self.house}/doors", hung)
        tenant = await self.come_in(room, who, today())
        await self.confirm(tenant, who)
        self.landlord = mine
        door = found(r'href="/landlord/doors/(\w{26})"', await by.look(self.house))
        keys = await ask("key", "ls", "--config", self.config)
        key = next(each["key"] for each in keys if door in each["doors"])
        asks = {"kind": "correct", "text": "My name is misspelt."}
        await tenant.browser.send("/tenant/requests", asks)
        data = json.loads(await tenant.browser.look("/tenant/data.json"))
        await by.send(f"{tenant.lease}/ask", {"kind": "end_lease"})
        guest = {"label": "Guest", **window(), "kind": "guest", "doors": door}
        page = await tenant.browser.send("/tenant/guests", guest)
        ids = {
            "guest": found(r"/tenant/guests/(\w{26})/end", page),
            "question": found(
                r"/tenant/questions/(\w+)", await tenant.browser.look("/tenant/door")
            ),
            "asked": data["requests"][0]["number"],
            "house": self.house.rsplit("/", 1)[1],
            "room": rooms[room],
            "lease": tenant.lease.rsplit("/", 1)[1],
            "door": door,
            "key": key,
        }
        return Home(by, tenant.browser, ids)


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
