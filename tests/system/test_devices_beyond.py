"""Devices on the network, at a real Mosquitto: each by its certificate."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.links.probing import open_to_strangers
from gateway.demo.programs import free_port, lodge, mosquitto
from gateway.examination import examine
from gateway.mosquitto.devices import KINDS, DeviceUnfit, open_beyond, rules_of
from gateway.settings import LodgeSettings
from gateway.wiring.broker import account_of, broker_of
from ledger.clock import SystemClock
from porch.authority import authority, issue_device, make_device_authority
from tests.system.test_broker_link import until
from tests.system.test_broker_rules import heard, laid, person

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
REFUSED = (aiomqtt.MqttError, OSError, TimeoutError)


@dataclass
class House:
    """A box's broker with its listener for devices."""

    settings: LodgeSettings
    port: int

    def lodge(self, *verb: str) -> tuple[int, str]:
        """Run a verb about the broker; return its code, and what it said."""
        config = str(self.settings.home / "lodge.toml")
        told = subprocess.run(
            [*lodge("broker", *verb), "--config", config],
            capture_output=True,
            text=True,
            check=False,
        )
        return told.returncode, told.stdout + told.stderr

    async def let_in(self, name: str, *more: str) -> Path:
        """Let a device in; return the folder with what it is given."""
        out = self.settings.home / f"out-{len(list(self.settings.home.glob('out-*')))}"
        out.mkdir()
        said = ("device", name, "--out", str(out), "--json", *more)
        code, told = await asyncio.to_thread(self.lodge, *said)
        assert code == 0, told
        assert json.loads(told)["in_force"]
        return out

    def device(self, given: Path, name: str, **more: str) -> aiomqtt.Client:
        """Connect as a device does, with what it was given; it looks who answers."""
        tls = ssl.create_default_context(cafile=given / "devices-ca.pem")
        tls.load_cert_chain(given / f"{name}.pem", given / f"{name}.key")
        told = {"identifier": "anything", **more}
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=3,
            **told,
        )


@asynccontextmanager
async def house_at(folder: Path, change=lambda text: text) -> AsyncIterator[House]:
    port = free_port()

    def beyond(text: str) -> str:
        (folder / "mosquitto" / "lodge.conf").write_text(text)
        settings = LodgeSettings.load(folder / "lodge.toml")
        seal = authority(settings.master(), "devices").seal
        where = (folder / "mosquitto", folder / "keys")
        open_beyond(*where, "127.0.0.1", port, seal)
        return change((folder / "mosquitto" / "lodge.conf").read_text())

    async with laid(folder, beyond) as settings:
        yield House(settings, port)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path / "b") as found:
        yield found


async def test_a_device_says_and_hears_its_own_whatever_it_calls_itself(
    house: House,
) -> None:
    given = await house.let_in("strike", "--kind", "tasmota")
    box = (house.settings.home / "keys" / "lodge.password").read_text().strip()
    as_box = {"username": "lodge", "password": box, "identifier": "lodge"}
    for claims in ({}, as_box):
        async with (
            person(house.settings, "doctor") as doctor,
            person(house.settings, "lodge") as inside,
            house.device(given, "strike", **claims) as device,
        ):
            await doctor.subscribe("#")
            await inside.subscribe("stat/#")
            await device.subscribe("#")
            for topic in (
                "stat/strike/POWER",
                "zigbee2mqtt/front/set",
                "lodge/h/d/set",
            ):
                await device.publish(topic, "{}", qos=0)
            assert await heard(doctor) == {"stat/strike/POWER"}
            assert await heard(inside) == {"stat/strike/POWER"}
            await inside.publish("cmnd/strike/POWER", "ON", qos=1)
            for topic in ("cmnd/other/POWER", "zigbee2mqtt/front/set"):
                await doctor.publish(topic, "{}", qos=1)
            assert await heard(device) == {"cmnd/strike/POWER"}


async def test_nobody_speaks_from_the_network_without_a_certificate_of_ours(
    house: House, tmp_path: Path
) -> None:
    inside = broker_of(house.settings)
    assert not await open_to_strangers(inside, house.port)
    others = tmp_path / "others"
    others.mkdir()
    now = SystemClock().now()
    make_device_authority(others, "127.0.0.1", now, bytes)
    certificate, key = issue_device(others, "lodge", now, bytes)
    (others / "x.pem").write_bytes(certificate)
    (others / "x.key").write_bytes(key)
    ours = house.settings.home / "keys" / "devices.pem"
    (others / "devices-ca.pem").write_bytes(ours.read_bytes())
    with pytest.raises(REFUSED):
        async with house.device(others, "x"):
            pass


async def test_a_device_knows_its_broker(house: House, tmp_path: Path) -> None:
    """Whoever takes the box's address has no certificate of its authority."""
    given = await house.let_in("strike", "--kind", "tasmota")
    make_device_authority(tmp_path, "127.0.0.1", SystemClock().now(), bytes)
    (given / "devices-ca.pem").write_bytes((tmp_path / "devices.pem").read_bytes())
    tls = ssl.create_default_context(cafile=given / "devices-ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", house.port, ssl=tls)


async def test_who_was_taken_out_stays_out_with_what_he_has(house: House) -> None:
    given = await house.let_in("strike", "--kind", "tasmota")
    async with (
        person(house.settings, "doctor") as doctor,
        house.device(given, "strike") as device,
    ):
        await doctor.subscribe("stat/#")
        await device.subscribe("cmnd/strike/#")
        assert (await asyncio.to_thread(house.lodge, "remove", "strike"))[0] == 0
        again = await house.let_in("strike", "--kind", "tasmota")
        await asyncio.sleep(0.3)
        await device.publish("stat/strike/POWER", "old", qos=0)
        await doctor.publish("cmnd/strike/POWER", "ON", qos=1)
        assert await heard(device) == set()
        assert await heard(doctor) == set()
        async with house.device(again, "strike") as successor:
            await successor.publish("stat/strike/POWER", "new", qos=0)
            assert await heard(doctor) == {"stat/strike/POWER"}


async def test_the_boxs_session_outlasts_a_device(house: House) -> None:
    """Its name is no account of the box's, and its rules take none from it."""
    taken: list[str] = []
    topics = ("zigbee2mqtt/#", "door/#")
    link = BrokerLink(
        broker_of(house.settings), topics, lambda said: taken.append(said.topic)
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        await until(lambda: link.up)
        rules = ("--topic", "write door/state", "--topic", "read door/set")
        given = await house.let_in("door", *rules)
        async with house.device(given, "door", identifier="lodge") as device:
            await device.publish("door/state", "x", qos=1)
            await until(lambda: taken == ["door/state"])
            async with person(house.settings, "zigbee2mqtt") as zigbee:
                await zigbee.publish("zigbee2mqtt/front", "{}", qos=1)
            await until(lambda: "zigbee2mqtt/front" in taken)
            assert link.up
        running.cancel()


async def test_what_is_not_a_device_is_not_let_in(house: House) -> None:
    wrong = (
        ("device", "a b"),
        ("device", "x"),
        ("device", "x", "--kind", "toaster"),
        ("device", "lodge", "--kind", "esphome"),
        ("device", "homeassistant", "--kind", "esphome"),
        ("device", "x", "--topic", "write #"),
        ("device", "x", "--topic", "write +/set"),
        ("device", "x", "--topic", "write lodge/a/b/set"),
        ("device", "x", "--topic", "write $SYS/a"),
        ("device", "x", "--topic", "write a\nuser lodge"),
        ("device", "x", "--topic", "deny a"),
        ("remove", "x"),
        ("listen", "127.0.0.1"),
    )
    before = (house.settings.home / "mosquitto" / "acl").read_text()
    for verb in wrong:
        code, told = await asyncio.to_thread(house.lodge, *verb)
        assert (code, len(told.splitlines())) == (2, 1), (verb, told)
    assert (house.settings.home / "mosquitto" / "acl").read_text() == before


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"other"}))
def test_each_kind_has_rules(kind: str) -> None:
    assert rules_of(kind, "it", ())
    assert len(rules_of(kind, "it", ("write it/more",))) == len(KINDS[kind]) + 1


def test_a_device_that_would_do_nothing_is_named() -> None:
    with pytest.raises(DeviceUnfit):
        rules_of("other", "x", ("write lodge/x",))


@pytest.mark.parametrize("open_", [False, True])
async def test_the_doctor_tries_the_door_for_devices(
    tmp_path: Path, *, open_: bool
) -> None:
    def change(told: str) -> str:
        if not open_:
            return told
        # What a user might try whose device knows no certificates.
        told = told.replace("require_certificate true", "require_certificate false")
        return told.replace("use_identity_as_username true", "")

    async with house_at(tmp_path / "b", change) as house:
        config = house.settings.home / "lodge.toml"
        told = config.read_text() + f"devices_port = {house.port}\n"
        config.write_text(told)
        settings = LodgeSettings.load(config)
        assert account_of(settings, "doctor")
        checks = {each.check: each for each in await asyncio.to_thread(examine, config)}
        found = checks["broker's rules"]
        assert found.ok is not open_
        assert ("no certificate" in found.detail) is open_
