"""Devices on the network, at a real Mosquitto: each by its certificate."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest
from cryptography.x509 import DNSName, SubjectAlternativeName

from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.links.probing import open_to_strangers
from gateway.demo.programs import free_port, lodge, mosquitto
from gateway.examination import examine
from gateway.founding import lay
from gateway.mosquitto.devices import (
    KINDS,
    Device,
    changing,
    devices,
    let_in,
    open_beyond,
    reload,
    take_out,
)
from gateway.settings import LodgeSettings
from gateway.wiring.broker import account_of, broker_of, place_of
from ledger.clock import SystemClock
from porch.authority import authority, issue_device, make_device_authority
from porch.certificates import read_certificate
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
        tls = ssl.create_default_context(cafile=given / f"{name}-ca.pem")
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
        open_beyond(place_of(settings), "127.0.0.1", port, seal)
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
    given = await house.let_in("strike", "--kind", "tasmota")
    async with house.device(given, "strike"):  # it answers who may
        assert await open_to_strangers(inside, house.port) is None
    assert "TLS" in str(await open_to_strangers(inside, free_port()))
    others = tmp_path / "others"
    others.mkdir()
    now = SystemClock().now()
    make_device_authority(others, "127.0.0.1", now, bytes)
    certificate, key = issue_device(others, "lodge", now, bytes)
    (others / "x.pem").write_bytes(certificate)
    (others / "x.key").write_bytes(key)
    ours = house.settings.home / "keys" / "devices.pem"
    (others / "x-ca.pem").write_bytes(ours.read_bytes())
    with pytest.raises(REFUSED):
        async with house.device(others, "x"):
            pass


async def test_a_device_knows_its_broker(house: House, tmp_path: Path) -> None:
    """Whoever takes the box's address has no certificate of its authority."""
    given = await house.let_in("strike", "--kind", "tasmota")
    make_device_authority(tmp_path, "127.0.0.1", SystemClock().now(), bytes)
    (given / "strike-ca.pem").write_bytes((tmp_path / "devices.pem").read_bytes())
    tls = ssl.create_default_context(cafile=given / "strike-ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", house.port, ssl=tls)


async def test_who_was_taken_out_stays_out_with_what_he_has(house: House) -> None:
    given = await house.let_in("strike", "--kind", "tasmota")
    async with house.device(given, "strike") as device:
        await device.subscribe("cmnd/strike/#")
        assert (await asyncio.to_thread(house.lodge, "remove", "strike"))[0] == 0
        again = await house.let_in("strike", "--kind", "tasmota")
        async with person(house.settings, "doctor") as doctor:
            await doctor.subscribe("stat/#")
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
            await until(lambda: "door/state" in taken)
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


async def test_each_kind_is_let_in_and_hears_its_own(house: House) -> None:
    names = {"zigbee2mqtt": "zigbee2mqtt"}
    for kind in sorted(set(KINDS) - {"other"}):
        name = names.get(kind, f"a-{kind}")
        given = await house.let_in(name, "--kind", kind)
        async with house.device(given, name):
            pass
    listed = devices(place_of(house.settings))
    assert {each.kind for each in listed} == set(KINDS) - {"other"}


async def test_nobody_gets_anothers_topics(house: House) -> None:
    await house.let_in("early", "--kind", "tasmota")
    await house.let_in("gate", "--topic", "write gate/+/state")
    wrong = (
        ("x", "write cmnd/early/POWER"),
        ("x", "read cmnd/+/POWER"),
        ("x", "readwrite stat/early"),
        ("x", "write gate/a/#"),
        ("x", "write zigbee2mqtt/front/set"),
        ("x", "read homeassistant/lock/x/config"),
        ("x", "write a/#/b"),
        ("x", "write a+/b"),
        ("x", "write a/b#"),
        ("x", "write a\u2028# end x"),
        ("x", "read +/x"),
    )
    for name, rule in wrong:
        said = ("device", name, "--topic", rule)
        code, told = await asyncio.to_thread(house.lodge, *said)
        assert (code, len(told.splitlines())) == (2, 1), (rule, told)
    for name, kind in (("cmnd", "esphome"), ("zigbee2mqtt", "esphome")):
        code, _ = await asyncio.to_thread(house.lodge, "device", name, "--kind", kind)
        assert code == 2, name
    await house.let_in("other", "--topic", "write gate2/state")


async def test_who_could_not_be_given_his_key_is_not_let_in(
    house: House, tmp_path: Path
) -> None:
    place = place_of(house.settings)
    before = place.rules.read_text()
    held = tmp_path / "held"
    held.mkdir()
    (held / "strike.key").symlink_to(tmp_path / "elsewhere")
    for out in ("/dev/full", "/proc/self", str(held)):
        said = ("device", "strike", "--kind", "tasmota", "--out", out)
        code, told = await asyncio.to_thread(house.lodge, *said)
        assert (code, len(told.splitlines())) == (2, 1), told
    assert not (tmp_path / "elsewhere").exists()
    assert [each.name for each in held.iterdir()] == ["strike.key"]
    assert place.rules.read_text() == before
    await house.let_in("strike", "--kind", "tasmota")


async def test_rules_that_do_not_take_hold_are_taken_back(house: House) -> None:
    """A broker that cannot read them goes on without any: then the old ones return."""
    place = place_of(house.settings)

    async def spoils() -> None:
        with changing(place):
            let_in(place, Device("x", "other", "device-x-1", ("write a/#/b",)))
            assert reload(place)
            await asyncio.sleep(0.5)
            raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        await spoils()
    assert devices(place) == []
    await asyncio.sleep(0.5)
    config = house.settings.home / "lodge.toml"
    checks = {each.check: each for each in await asyncio.to_thread(examine, config)}
    assert checks["broker's rules"].ok, checks["broker's rules"]


async def test_a_verb_takes_back_what_the_broker_does_not_keep_to(
    house: House,
) -> None:
    """The verb tries the rules at the broker before it says that they hold."""
    place = place_of(house.settings)
    before = place.rules.read_text()
    conf = place.folder / "lodge.conf"
    conf.write_text(conf.read_text().replace("acl_file", "#acl_file"))
    said = ("device", "strike", "--kind", "tasmota", "--out", str(place.folder))
    code, told = await asyncio.to_thread(house.lodge, *said)
    assert code == 2
    assert "nothing was changed" in told
    assert place.rules.read_text() == before
    assert not list(place.folder.glob("strike*"))


async def test_who_is_taken_out_is_not_put_back_by_a_broker_that_fails(
    house: House,
) -> None:
    await house.let_in("strike", "--kind", "tasmota")
    place = place_of(house.settings)
    conf = place.folder / "lodge.conf"
    conf.write_text(conf.read_text().replace("acl_file", "#acl_file"))
    code, told = await asyncio.to_thread(house.lodge, "remove", "strike")
    assert code == 2
    assert "out of its rules" in told
    assert devices(place) == []


def test_many_at_once_lose_nobody(tmp_path: Path) -> None:
    place = place_of(lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True))

    def one(number: int) -> None:
        with changing(place):
            name = f"d{number}"
            let_in(place, Device(name, "other", f"device-{name}-1", (f"read {name}",)))
        if number % 2:
            with changing(place):
                take_out(place, f"d{number}")

    with ThreadPoolExecutor(8) as many:
        list(many.map(one, range(40)))
    assert {each.name for each in devices(place)} == {f"d{n}" for n in range(0, 40, 2)}


def test_rules_that_somebody_tidied_by_hand_are_still_read(tmp_path: Path) -> None:
    place = place_of(lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True))
    for name in ("a", "b", "c"):
        let_in(place, Device(name, "other", f"device-{name}-1", (f"read {name}",)))
    told = [line for line in place.rules.read_text().splitlines() if line]
    place.rules.write_text("\n".join(told) + "\n")
    assert [each.name for each in devices(place)] == ["a", "b", "c"]
    take_out(place, "b")
    assert [each.name for each in devices(place)] == ["a", "c"]
    assert "device-b" not in place.rules.read_text()
    assert "topic write b" not in place.rules.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_changes_stays_its_owners(tmp_path: Path) -> None:
    """A broker that cannot read its rules any more would go on without them."""
    settings = lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True)
    place = place_of(settings)
    for each in (place.rules, place.keys, place.folder / "lodge.conf"):
        os.chown(each, 65534, 65534)
    seal = authority(settings.master(), "devices").seal
    open_beyond(place, "127.0.0.1", free_port(), seal)
    let_in(place, Device("a", "other", "device-a-1", ("read a",)))
    made = (*place.keys.glob("broker.*"), place.rules, place.folder / "lodge.conf")
    for each in made:
        assert each.stat().st_uid == 65534, each
    assert place.rules.stat().st_mode & 0o777 == 0o600


def test_nobody_elses_program_is_told_to_read_rules(tmp_path: Path) -> None:
    place = place_of(lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True))
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (place.folder / "mosquitto.pid").write_text(str(other.pid))
    assert not reload(place)
    assert other.poll() is None
    other.communicate()


async def test_what_a_device_kept_at_the_broker_goes_with_it(house: House) -> None:
    given = await house.let_in("strike", "--kind", "tasmota")
    async with house.device(given, "strike") as device:
        await device.publish("tele/strike/LWT", "Online", qos=1, retain=True)
    async with person(house.settings, "zigbee2mqtt") as zigbee:
        await zigbee.publish("zigbee2mqtt/front", "{}", qos=1, retain=True)
    assert (await asyncio.to_thread(house.lodge, "remove", "strike"))[0] == 0
    async with person(house.settings, "doctor") as doctor:
        await doctor.subscribe("#")
        assert await heard(doctor) == {"zigbee2mqtt/front"}


@pytest.mark.parametrize(
    "said",
    [
        ("192.0.2.1", "--port", "0"),
        ("192.0.2.1", "--port", "99999"),
        ("a b",),
        ("",),
        ("192.0.2.0/24",),
        ("x..example",),
    ],
)
def test_an_address_that_is_none_opens_nothing(
    tmp_path: Path, said: tuple[str, ...]
) -> None:
    settings = lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True)
    house = House(settings, 0)
    code, told = house.lodge("listen", *said)
    assert (code, len(told.splitlines())) == (2, 1), told
    assert not list((settings.home / "keys").glob("devices.*"))
    assert house.lodge("listen", "192.0.2.1", "--port", "1883")[0] == 2  # the box's own


async def test_a_box_that_moved_is_known_at_its_new_address(house: House) -> None:
    given = await house.let_in("strike", "--kind", "tasmota")
    before = (house.settings.home / "keys" / "devices.pem").read_bytes()
    assert house.lodge("listen", "häus.example", "--moved")[0] == 0
    assert house.lodge("listen", "192.0.2.1")[0] == 2  # once is enough
    held = house.settings.home / "keys" / "broker.pem"
    found = read_certificate(held).extensions
    names = found.get_extension_for_class(SubjectAlternativeName).value
    assert names.get_values_for_type(DNSName) == ["xn--hus-qla.example"]
    assert (given / "strike-ca.pem").read_bytes() == before


OPENED = {
    "as laid": {},
    # What a user might try whose device knows no certificates.
    "no certificate": {
        "require_certificate true": "",
        "use_identity_as_username true": "",
    },
    "no TLS": {
        **dict.fromkeys(
            ("require_certificate true", "use_identity_as_username true"), ""
        ),
        **dict.fromkeys(("cafile", "certfile", "keyfile"), "#"),
    },
    "not as it was laid": {"true\nmax_connections": "false\nmax_connections"},
}


@pytest.mark.parametrize("opened", OPENED)
async def test_the_doctor_tries_the_door_for_devices(
    tmp_path: Path, opened: str
) -> None:
    def change(told: str) -> str:
        head, rest = told.split("# Beyond this machine")
        for was, becomes in OPENED[opened].items():
            assert was in rest
            rest = rest.replace(was, becomes)
        return head + "# Beyond this machine" + rest

    async with house_at(tmp_path / "b", change) as house:
        config = house.settings.home / "lodge.toml"
        told = config.read_text() + f"devices_port = {house.port}\n"
        config.write_text(told)
        settings = LodgeSettings.load(config)
        assert account_of(settings, "doctor")
        checks = {each.check: each for each in await asyncio.to_thread(examine, config)}
        found = checks["broker's rules"]
        assert found.ok is (opened == "as laid"), found
        if opened == "not as it was laid":
            assert opened in found.detail
        elif not found.ok:
            assert "no certificate" in found.detail


async def test_a_doctor_that_is_not_let_in_says_so(house: House) -> None:
    (house.settings.home / "keys" / "doctor.password").write_text("wrong")
    config = house.settings.home / "lodge.toml"
    checks = {each.check: each for each in await asyncio.to_thread(examine, config)}
    assert not checks["broker's rules"].ok
    assert "`doctor`" in checks["broker's rules"].detail
