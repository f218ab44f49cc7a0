"""A box, put together."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.counter import StationCounter
from cloud_sync.adapters.station import Pairing, StationRegistry, pair
from cloud_sync.service import Forwarding
from devices.model.errors import DevicesError
from devices.model.keys import Refusal, Unlock
from devices.model.places import DoorId
from devices.ports import LockDriver
from devices.rules.keys import judge
from enrolment.adapters.faces.engine import FaceWorker
from firmware_bridge.drivers.camera import CameraKeys, DoorCameras
from firmware_bridge.drivers.frigate import FrigateFeed
from firmware_bridge.drivers.homeassistant import HomeAssistant
from firmware_bridge.drivers.plain import PlainDriver, PlainFeed
from firmware_bridge.drivers.routing import Feeds, RoutedDriver
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttDriver
from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.mqtt.plain import Plan
from gateway.assessment import read as read_assessment
from gateway.settings import LodgeSettings, MappedLock
from gateway.web.control import control_app
from gateway.web.site import Rooms, site
from gateway.wiring.broker import Reconnected, link_of
from gateway.wiring.faces import DocumentReader, face_worker
from gateway.wiring.optional import (
    card_reader,
    door_cameras,
    firmware_of,
    lines_of,
    state_identity,
)
from gateway.wiring.services import Outside, Services, Told, connect
from gateway.wiring.stores import Stores, open_stores
from ledger.clock import Trust
from ledger.keys import KeyClass, read_secret
from porch.accounts import Accounts, Attempts
from porch.app import server
from porch.sessions import Sessions
from porch.supervise import supervise

if TYPE_CHECKING:
    from devices.service.firmware import Firmware
    from firmware_bridge.drivers.bluetooth import BluetoothKeys
    from gateway.wiring.lines import Lines

SETTLE_TICK = 1.0
TIME_TICK = 6 * 3600.0
TIME_TICK_IN_DOUBT = 15.0
ERASE_TICK = 5.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Gateway:
    """A box, put together."""

    settings: LodgeSettings
    stores: Stores
    services: Services
    link: BrokerLink
    shown: HomeAssistant
    faces: FaceWorker
    reader: DocumentReader
    registry: StationRegistry
    rooms: Rooms
    cameras: DoorCameras
    lines: "Lines | None" = None

    @property
    def firmware(self) -> "Firmware | None":
        """What updates the lock controllers, where there are any."""
        return self.rooms.firmware

    async def run(self) -> None:
        """Serve until told to end."""
        await self.begin()
        socket = self.settings.at(self.settings.socket)
        socket.unlink(missing_ok=True)
        pages = server(site(self.rooms), self.settings.web)
        words_in = server(control_app(self), path=socket)
        tasks = {
            "web": pages.serve,
            "certificate": pages.renew,
            "control": words_in.serve,
            "broker": self.link.run,
            "faces": self._warm_faces,
            "forwarding": self.forwarding.run,
            "settling": self._settle,
            "clock": self._ask_the_time,
            "alarms": self.services.alarms.run,
            "erasing": self._erase,
        }
        if self.services.card_readings.there:
            tasks["id card"] = self.services.card_readings.run
        if keys := self.by_bluetooth():
            tasks["bluetooth"] = keys.run
        if self.firmware is not None:
            tasks["firmware"] = self.firmware.run
        if self.lines is not None:
            tasks |= self.lines.tasks
        for door, camera in self.cameras.cameras.items():
            houses, showing = self.stores.houses, self.services.showing
            tasks[f"camera {door}"] = CameraKeys(camera, door, houses, showing).run
        if self.cameras.cameras:
            tasks["second looks"] = self.services.door_faces.run
        try:
            await supervise(tasks, self.judges)
        finally:
            await self.faces.close()
            await self.reader.close()
            await self.registry.close()
            self.stores.book.close()

    @property
    def accounts(self) -> Accounts:
        """The accounts of this box."""
        return self.rooms.accounts

    @property
    def forwarding(self) -> Forwarding:
        """What was told to whom."""
        return self.services.forwarding

    @property
    def doors(self) -> Rooms:
        """What may be done at the doors."""
        return self.rooms

    async def pair(self, url: str, code: str) -> Pairing:
        """Join a station by its officer's one-time code."""
        paired = await pair(url, code, self.settings.box, self.registry.key)
        paired.write(self.settings.at(self.settings.pairing))
        self.registry.pairing = paired
        self.forwarding.wake()
        return paired

    def judges(self) -> bool:
        """Say whether a code that nobody has is still refused."""
        now = self.stores.clock.now()
        asked = Unlock(DoorId(""), b"", now, self.stores.clock.trust)
        return judge(asked, self.stores.keys.find(b"")).refusal is Refusal.UNKNOWN_KEY

    async def begin(self) -> None:
        """Have keys, doors and locks at hand before the first message."""
        await self.stores.keys.refresh()
        self.services.locks.discover(await self.stores.locks.all())
        for refresh in self.services.refreshers:
            await refresh()

    def by_bluetooth(self) -> "BluetoothKeys | None":
        """Return what takes tokens at a door's adapter, where one is set."""
        told = self.settings.bluetooth
        if not told.transport:
            return None
        # Loaded only here: a box without an adapter does not pay for the stack.
        from firmware_bridge.drivers.bluetooth import BluetoothKeys  # noqa: PLC0415

        showing, houses = self.services.showing, self.stores.houses
        return BluetoothKeys(told.transport, DoorId(told.door), houses, showing)

    async def _warm_faces(self) -> None:
        await self.faces.start()
        await asyncio.Event().wait()

    async def _settle(self) -> None:
        while True:
            with suppress(DevicesError):
                await self.services.credentials.settle()
                self.services.watching.tick()
                await self.shown.refresh()
            moved = self.services.credentials.moved
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_TICK):
                    await moved.wait()
            moved.clear()

    async def _ask_the_time(self) -> None:
        while True:
            clock = self.stores.clock
            if (told := await self.registry.time()) is not None:
                clock.confirm(told)
            sure = clock.trust is Trust.SURE
            await asyncio.sleep(TIME_TICK if sure else TIME_TICK_IN_DOUBT)

    async def _erase(self) -> None:
        while True:
            await self.services.moving_out.erase_due()
            await self.services.farewells.forget_over()
            self.services.shown.forget_old()
            self.services.scanning.forget_old()
            term = self.settings.retention.after_departure
            await self.services.ekeys.forget_over(self.stores.clock.now() - term)
            await asyncio.sleep(ERASE_TICK)


def open_gateway(settings: LodgeSettings) -> Gateway:
    """Put a box together."""
    stores, faces = open_stores(settings), face_worker(settings)
    reader = DocumentReader()
    base, cameras = settings.broker.base, door_cameras(settings)
    zigbee, plain = Zigbee2mqttDriver(base), PlainDriver()
    drivers: dict[str, LockDriver] = {"ha": plain, "mqtt": plain}
    driver = RoutedDriver(zigbee, drivers)
    registry = StationRegistry(
        Ed25519PrivateKey.from_private_bytes(
            read_secret(settings.at(settings.box_key))
        ),
        Pairing.read(settings.at(settings.pairing)),
    )
    services = connect(
        stores,
        Outside(
            driver,
            faces,
            reader,
            registry,
            card_reader(settings),
            state_identity(settings),
            counter=StationCounter(registry, settings.box, stores.book.epoch),
            cameras=cameras,
        ),
        Told(
            settings.box,
            settings.broker.base,
            settings.retention.after_departure,
            partial(read_assessment, settings.at(settings.faces.assessment)),
        ),
    )
    others = PlainFeed(plain, services.locks, stores.clock, base)
    others.add(_plan(each) for each in settings.mapped)
    shown = HomeAssistant(stores.houses, services.locks, services.access)
    seen = FrigateFeed(services.watching, stores.houses)
    services.refreshers.extend((shown.read, seen.read))
    lines = lines_of(settings, drivers, stores, services)
    feeds = Feeds(services.feed, (shown, others, seen))
    link = link_of(settings, feeds, tuple(others.topics), Reconnected(services, shown))
    zigbee.link = plain.link = shown.link = link
    attempts, salt = Attempts(stores.clock), stores.master.derive(KeyClass.AUDIT)
    rooms = Rooms(
        settings=settings,
        accounts=Accounts(stores.book, stores.clock, attempts, salt),
        attempts=attempts,
        sessions=Sessions(stores.book, stores.clock, salt),
        houses=stores.houses,
        tasks=stores.tasks,
        leases=stores.leases,
        invitations=stores.invitations,
        consents=stores.consents,
        deliveries=stores.deliveries,
        keys=stores.keys,
        locks=services.locks,
        access=services.access,
        asking=services.asking,
        showing=services.showing,
        cards=services.cards,
        watching=services.watching,
        alarms=services.alarms,
        ekeys=services.ekeys,
        credentials=services.credentials,
        journal=stores.journal,
        building=services.building,
        letting=services.letting,
        enrolment=services.enrolment,
        shown=services.shown,
        opting_in=services.opting_in,
        scanning=services.scanning,
        state_checking=services.state_checking,
        counter=services.counter,
        door_faces=services.door_faces,
        rights=services.rights,
        correcting=services.correcting,
        rights_book=stores.rights,
        farewells=services.farewells,
        identity={
            "box": settings.box,
            "box_key": registry.key.public_key().public_bytes_raw().hex(),
        },
        sign=registry.key.sign,
        register=stores.register,
        card_readings=services.card_readings,
        moving_out=services.moving_out,
        clock=stores.clock,
        firmware=firmware_of(settings, stores, services, lines),
        ailments=lambda: _ailments(link, faces),
    )
    return Gateway(
        settings,
        stores,
        services,
        link,
        shown,
        faces,
        reader,
        registry,
        rooms,
        cameras,
        lines,
    )


def _ailments(link: BrokerLink, faces: FaceWorker) -> list[str]:
    found = [] if link.up else ["broker: not connected"]
    found += [] if faces.pid else ["faces: the worker is not running"]
    return found


def _plan(told: MappedLock) -> Plan:
    return Plan(id=f"mqtt:{told.name}", **told.model_dump())
