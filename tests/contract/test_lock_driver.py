"""The lock driver port: every driver keeps the same promises (docs/add-a-lock.md)."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from devices.model.errors import BrokerRefused, DevicesError, LockSilent
from devices.model.locks import Lock
from devices.model.places import LockId
from devices.ports import LockDriver
from firmware_bridge.drivers.osdp import OsdpDriver, Reader, ReaderPlan
from firmware_bridge.drivers.plain import PlainDriver
from firmware_bridge.drivers.routing import RoutedDriver
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttDriver
from firmware_bridge.links.rs485 import LineSilent
from firmware_bridge.mqtt.plain import Plan
from firmware_bridge.osdp import words
from tests.fakes import FakeDriver

PINS = Lock(LockId("0x1"), "front", "YRD", 30)
BARE = Lock(LockId("mqtt:yard"), "yard")
PIN = "004711"


class FakeLink:
    """A broker that takes, refuses or is away; remembers what it took, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, int, bool]] = []
        self.trouble: DevicesError | None = None
        self.late: DevicesError | None = None

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> Awaitable[None]:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append((topic, payload, qos, retain))
        return self._answer()

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.late is not None:
            raise self.late


def zigbee() -> tuple[LockDriver, FakeLink, Lock]:
    link = FakeLink()
    return Zigbee2mqttDriver("z", link), link, PINS


def plain() -> tuple[LockDriver, FakeLink, Lock]:
    link = FakeLink()
    plan = Plan(id=BARE.id, name="yard", command_topic="y/set")
    return PlainDriver({BARE.id: plan}, link), link, BARE


def routed() -> tuple[LockDriver, FakeLink, Lock]:
    driver, link, lock = plain()
    return RoutedDriver(FakeDriver(), {"mqtt": driver}), link, lock


class FakeLine:
    """A serial line with a reader, over the same memory as the fake broker."""

    def __init__(self, link: FakeLink) -> None:
        self.link = link

    def able(self, address: int, capability: int, number: int) -> bool:
        return True

    def tell(self, address: int, command: dict) -> asyncio.Future[None]:
        if self.link.trouble is not None:
            raise LineSilent
        told = b"UNLOCK" if command == STRIKE else repr(command).encode()
        self.link.sent.append((str(address), told, 0, False))
        answer = asyncio.get_running_loop().create_future()
        if self.link.late is None:
            answer.set_result(None)
        else:
            answer.set_exception(LineSilent())
        return answer

    def begin_anew(self) -> None:
        """Nothing is left on this line."""


WIRED = ReaderPlan("hall", 3, strike_time=timedelta(seconds=1))
STRIKE = words.strike(0, WIRED.strike_time)


def osdp() -> tuple[LockDriver, FakeLink, Lock]:
    link = FakeLink()
    reader = Reader(WIRED, FakeLine(link))
    return OsdpDriver({WIRED.lock: reader}), link, Lock(WIRED.lock, WIRED.name)


KINDS = [zigbee, plain, routed, osdp]
# No broker stands between a line and its reader.
TROUBLES = [
    (kind, trouble)
    for kind in KINDS
    for trouble in (LockSilent("gone"), BrokerRefused("no"))
    if kind is not osdp or isinstance(trouble, LockSilent)
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_release_leaves_at_the_call_and_is_awaited_for_the_answer(
    kind,
) -> None:
    driver, link, lock = kind()
    answer = driver.release(lock)
    assert len(link.sent) == 1
    await answer


@pytest.mark.parametrize(("kind", "trouble"), TROUBLES)
async def test_trouble_is_said_in_the_ports_own_words(kind, trouble) -> None:
    driver, link, lock = kind()
    link.late = trouble
    with pytest.raises(type(trouble)):
        await driver.release(lock)
    link.late, link.trouble = None, trouble
    with pytest.raises(type(trouble)):
        await driver.release(lock)


@pytest.mark.parametrize("kind", KINDS)
async def test_pins_are_never_kept_by_the_broker(kind) -> None:
    driver, link, lock = kind()
    for slot in range(1, 4):
        try:
            await driver.write_pin(lock, slot, PIN)
            await driver.clear_pin(lock, slot)
            await driver.ask_slot(lock, slot)
        except LockSilent:
            assert not lock.slots
    for _, payload, qos, retain in link.sent:
        assert not retain
        assert PIN.encode() not in payload or qos == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_driver_says_nothing_of_a_pin_in_its_errors(kind) -> None:
    driver, link, lock = kind()
    link.trouble = LockSilent("gone")
    with pytest.raises(DevicesError) as raised:
        await driver.write_pin(lock, 1, PIN)
    assert PIN not in str(raised.value)
    assert PIN not in repr(driver)


@pytest.mark.parametrize("kind", KINDS)
async def test_asking_for_a_state_changes_nothing(kind) -> None:
    driver, link, lock = kind()
    await driver.ask_state(lock)
    assert not any(b"UNLOCK" in payload for _, payload, _, _ in link.sent)
