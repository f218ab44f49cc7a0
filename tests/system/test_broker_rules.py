"""The broker as `lodge init` lays it, a real Mosquitto: who may say and hear what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.links.probing import faults
from gateway.demo.programs import Program, free_port, mosquitto
from gateway.examination import examine
from gateway.founding import lay
from gateway.mosquitto import RULES
from gateway.settings import LodgeSettings
from gateway.wiring.broker import account_of, broker_of
from tests.system.test_broker_link import until

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")


@asynccontextmanager
async def laid(folder: Path, change=lambda text: text) -> AsyncIterator[LodgeSettings]:
    """Lay a box, and run its broker with what was laid, on a port of its own."""
    settings = lay(folder, "127.0.0.1", free_port(), plain=True)
    settings.broker.port = free_port()
    conf = folder / "mosquitto" / "lodge.conf"
    told = conf.read_text().replace("1883", str(settings.broker.port))
    conf.write_text(change(told))
    config = folder / "lodge.toml"
    text = config.read_text().replace("1883", str(settings.broker.port))
    config.write_text(text)
    program = Program((mosquitto(), "-c", str(conf)), folder / "broker.log")
    await program.start()
    await until(lambda: _listens(settings.broker.port))
    yield settings
    await program.stop()


def _listens(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/tcp").read_text()


def person(settings: LodgeSettings, user: str, name: str = "") -> aiomqtt.Client:
    password = settings.home / "keys" / f"{user}.password"
    return aiomqtt.Client(
        "127.0.0.1",
        settings.broker.port,
        username=user,
        password=password.read_text().strip(),
        identifier=name or f"anything-{user}",
        protocol=aiomqtt.ProtocolVersion.V5,
    )


async def heard(client: aiomqtt.Client) -> set[str]:
    found = set()
    try:
        async with asyncio.timeout(0.7):
            async for message in client.messages:
                found.add(str(message.topic))
    except TimeoutError:
        return found
    return found


async def test_each_account_says_and_hears_its_own(tmp_path: Path) -> None:
    may = {
        "lodge": {
            "zigbee2mqtt/front",
            "zigbee2mqtt/front/set",
            "lodge/available",
            "lodge/h/d/set",
        },
        "zigbee2mqtt": {"zigbee2mqtt/front", "zigbee2mqtt/front/set"},
        "homeassistant": {"lodge/h/d/set"},
        "frigate": {"frigate/events"},
        "probe": set(),
    }
    every = set().union(*may.values()) | {
        "x/y",
        "$SYS/x",
        "homeassistant/lock/l/config",
    }
    async with laid(tmp_path / "b") as settings:
        for user, topics in may.items():
            async with (
                person(settings, "doctor") as doctor,
                person(settings, user) as client,
            ):
                await doctor.subscribe("#")
                for topic in every:
                    await client.publish(topic, "{}", qos=0)
                assert await heard(doctor) == topics, user
                await client.subscribe("#")
                for topic in every:
                    await doctor.publish(topic, "{}", qos=1)
                told = await heard(client)
                assert user == "lodge" or "zigbee2mqtt/front/set" not in told - topics


async def test_no_account_takes_the_boxs_session(tmp_path: Path) -> None:
    async with laid(tmp_path / "b") as settings:
        taken: list[str] = []
        link = BrokerLink(
            broker_of(settings), ("lodge/#",), lambda said: taken.append(said.topic)
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: link.up)
            for name in (f"lodge-{settings.box}", "lodge"):
                async with person(settings, "homeassistant", name) as other:
                    await other.subscribe("zigbee2mqtt/#")
                    await asyncio.sleep(0.2)
                    assert link.up
            async with person(settings, "doctor") as doctor:
                await doctor.publish("lodge/x/y/set", "UNLOCK", qos=1)
            await until(lambda: taken == ["lodge/x/y/set"])
            running.cancel()


async def test_the_doctor_finds_no_fault_with_what_was_laid(tmp_path: Path) -> None:
    async with laid(tmp_path / "b") as settings:
        config = settings.home / "lodge.toml"
        checks = {each.check: each for each in await asyncio.to_thread(examine, config)}
        for name in ("broker", "broker's rules", "control socket"):
            assert checks[name].ok, checks[name]


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        ({"acl_file": "#acl_file"}, "can hear"),
        ({"acl_file": "#acl_file"}, "can speak"),
        (
            {
                "allow_anonymous false": "allow_anonymous true",
                "use_username_as_clientid true": "",
            },
            "is let in",
        ),
    ],
)
async def test_the_doctor_tells_of_a_broker_that_is_open(
    tmp_path: Path, opened: dict[str, str], said: str
) -> None:
    def open_(told: str) -> str:
        for was, becomes in opened.items():
            told = told.replace(was, becomes)
        return told

    async with laid(tmp_path / "b", open_) as found:
        doctor, probe = account_of(found, "doctor"), account_of(found, "probe")
        told = await faults(doctor, probe, found.broker.base)
    assert any(said in each for each in told), told


def test_secrets_are_their_owners_and_no_rule_is_empty_by_accident(
    tmp_path: Path,
) -> None:
    lay(tmp_path / "b", "127.0.0.1", free_port(), plain=True)
    for each in [
        *(tmp_path / "b" / "keys").glob("*.password"),
        *(tmp_path / "b" / "mosquitto").glob("[pa]*"),
    ]:
        assert each.stat().st_mode & 0o077 == 0, each
    users = (tmp_path / "b" / "mosquitto" / "passwords").read_text().splitlines()
    assert {line.partition(":")[0] for line in users} == RULES.keys()
    assert len({line.partition(":")[2] for line in users}) == len(RULES)
