"""A box with two landlords, a house and a tenant each, on a broker as it is laid."""

import asyncio
import json
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from gateway.demo.hardware import SimulatedLock
from gateway.demo.people import Browser, found
from gateway.demo.programs import Program, ask, free_port, lodge, mosquitto
from gateway.demo.scene import FIRST, SECOND, today
from gateway.demo.story import Story
from gateway.mosquitto.devices import open_beyond
from gateway.settings import LodgeSettings
from gateway.wiring.broker import place_of
from porch.authority import authority
from tests.system.test_broker_link import until
from tests.web.test_door_pages import window

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
