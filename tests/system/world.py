"""A house with everything on a real ledger and the outside faked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from devices.model.locks import Lock
from devices.model.places import Door, Landlord, LockId
from devices.service.pins import Pins
from enrolment.model.assessment import Assessment
from enrolment.model.documents import DocumentKind, Person
from enrolment.model.faces import Comparison
from enrolment.model.leases import FacePath, Lease
from enrolment.rules.assessment import QUESTIONS
from gateway.wiring.services import Outside, Services, Told, connect
from gateway.wiring.stores import Stores
from tests.fakes import (
    FakeCameras,
    FakeDriver,
    FakeFaces,
    FakePapers,
    FakeReader,
    FakeRegistry,
    FixedClock,
)

LOCK = Lock(LockId("0x1"), "front", "YRD", 30)
PERSON = Person("租客甲", DocumentKind.RESIDENT_CARD, "330522199003150016")
ASSESSED = Assessment(
    date(2026, 11, 1),
    date(2027, 10, 1),
    frozenset({"face_scan", "face_at_door"}),
    dict.fromkeys(QUESTIONS, "answered in a sentence"),
    "hash",
)
BOX = Told("box", "z", timedelta(days=30), lambda: ASSESSED)
SAME = Comparison(0.8, template=b"\x01" * 512)
LANDLORD = "account"


@contextmanager
def drawn(pin: str | None) -> Iterator[None]:
    """Have this PIN drawn, where one is told."""
    with pytest.MonkeyPatch.context() as patched:
        if pin is not None:
            patched.setattr(Pins, "fresh", lambda *_: pin)
        yield


@dataclass
class World:
    """The box's own wiring between a real ledger and fakes."""

    stores: Stores
    clock: FixedClock
    driver: FakeDriver
    faces: FakeFaces
    reader: FakeReader
    registry: FakeRegistry
    cameras: FakeCameras
    services: Services
    door: Door | None
    rooms: list
    held: set = field(default_factory=set)

    def __getattr__(self, name: str):
        return getattr(self.services, name)

    async def let(self, window, room: int = 0) -> tuple[Lease, str]:
        place = (self.door.house, self.rooms[room].id)
        return await self.letting.let(place, [self.door], "label", window)

    async def bound(self, window, room: int = 0) -> Lease:
        return await self.bind(*await self.let(window, room))

    async def bind(self, lease: Lease, token: str) -> Lease:
        invitation = await self.stores.invitations.of(lease.id)
        return await self.letting.bind(token, invitation.code)

    async def identified(
        self, window, path: FacePath = FacePath.PERSON, room: int = 0
    ) -> Lease:
        return await self.identify(await self.bound(window, room), path)

    async def identify(self, lease: Lease, path: FacePath = FacePath.PERSON) -> Lease:
        lease = await self.enrolment.read_notice(lease, "n")
        lease = await self.enrolment.choose(lease, path, "n")
        lease, found = await self.enrolment.identify(lease, PERSON)
        assert found
        return lease

    async def registered(self, window, room: int = 0) -> Lease:
        return await self.register(await self.bound(window, room))

    async def register(self, lease: Lease) -> Lease:
        lease = await self.identify(lease)
        await self.enrolment.enrol(lease, [self.door], PERSON.number[-4:], LANDLORD)
        return await self.stores.leases.find(lease.id)

    async def pin(self, lease: Lease) -> str:
        return await self.enrolment.ekeys.pin(self.stores.keys.key(lease.key))

    def reported(self) -> set:
        """What was reported since it was last asked."""
        facts = set()
        while not self.alarms.facts.empty():
            incident, about, note = self.alarms.facts.get_nowait()
            if note is not None:
                facts.add((incident, about))
        return facts

    async def settled(self) -> None:
        """Let the lock do what it was told, and say so."""
        for _ in range(20):
            await self.credentials.settle()
            if not self.driver.told:
                return
            await self.answer()

    async def answer(self) -> None:
        """Do what the lock was told, and say what is in the slots that it was asked."""
        told, self.driver.told[:] = list(self.driver.told), []
        for command in told:
            match command:
                case "write", _, slot, _:
                    self.held.add(slot)
                case "clear", _, slot:
                    self.held.discard(slot)
                case "ask", lock, slot:
                    held = slot in self.held
                    await self.credentials.hear(lock, slot, held=held)


def wired(stores: Stores, clock: FixedClock) -> World:
    """Connect a box on a ledger, whatever lies in it."""
    driver = FakeDriver()
    faces, registry = FakeFaces(SAME), FakeRegistry()
    reader = FakeReader(["公民身份号码", PERSON.number])
    cameras, papers = FakeCameras(), FakePapers()
    outside = Outside(driver, faces, reader, registry, cameras=cameras, papers=papers)
    services = connect(stores, outside, BOX)
    services.locks.discover([LOCK], ["pad"])
    found = (stores, clock, driver, faces, reader, registry, cameras, services)
    return World(*found, None, [])


async def build(stores: Stores, clock: FixedClock) -> World:
    """Connect a box on an empty ledger, with a house of two rooms and a door."""
    world = wired(stores, clock)
    who = Landlord(LANDLORD, "房东甲", "13800000000")
    building = world.building
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101", "102"])
    world.door = await building.hang(house.id, "front", LOCK.id, "pad")
    world.rooms = list(await stores.houses.rooms(house.id))
    return world
