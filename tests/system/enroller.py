"""Registers people and forwards them until killed; started by test_kill_loop.

Arguments: the box's config, and how many to register (0: only forward what waits).
Says READY once it runs, `ACK id` once a registration is on disk, DONE when all are
accepted by the station.
"""

import asyncio
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.deliveries import status
from cloud_sync.adapters.pairing import Pairing
from cloud_sync.adapters.station import StationRegistry
from cloud_sync.service import Forwarding
from devices.model.places import House, HouseId, Landlord, Room, RoomId
from enrolment.model.documents import DocumentKind, Evidence, Person
from enrolment.model.leases import LeaseId, RegistrationId
from enrolment.model.register import Registration, RegistrationKind
from gateway.settings import LodgeSettings
from gateway.wiring.stores import Stores, open_stores
from ledger.ids import new_id
from ledger.keys import read_secret

HOUSE = House(
    HouseId("h"), "h", "示范路1号", "330522", Landlord("a", "房东甲", "13800000000")
)
ROOM = Room(RoomId("r"), HOUSE.id, "101")


def say(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201


async def register(stores: Stores) -> str:
    tenant = await stores.people.begin()
    now = stores.clock.now()
    registration = Registration(
        RegistrationId(new_id()),
        1,
        RegistrationKind.ARRIVAL,
        LeaseId("l"),
        tenant,
        HOUSE.id,
        ROOM.id,
        Person("租客甲", DocumentKind.RESIDENT_CARD, "330522199003150016"),
        now,
        now,
        now,
        Evidence.SEEN_BY_PERSON,
    )
    async with stores.book.page() as page:
        await stores.register.append(page, registration)
        page.note("registration", registration.id.encode(), b"salt")
    return registration.id


async def main(config: str, times: str) -> None:
    settings = LodgeSettings.load(Path(config))
    stores = open_stores(settings)
    if not await stores.houses.rooms(HOUSE.id):
        async with stores.book.page() as page:
            stores.houses.add(page, HOUSE, [ROOM])
    key = Ed25519PrivateKey.from_private_bytes(
        read_secret(settings.at(settings.box_key))
    )
    forwarding = Forwarding(
        stores.book,
        settings.box,
        stores.register,
        stores.people,
        stores.houses,
        stores.deliveries,
        stores.tasks,
        StationRegistry(key, Pairing.read(settings.at(settings.pairing))),
        stores.clock,
    )
    say("READY")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(forwarding.run())
        for _ in range(int(times)):
            say("ACK", await register(stores))
            forwarding.wake()
        while True:
            now = stores.clock.now()
            told = await stores.book.read(lambda c, now=now: status(c, now))
            entries = await stores.register.after(0)
            if told.accepted == len(entries):
                break
            await asyncio.sleep(0.1)
        running.cancel()
    say("DONE")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
