"""A box at work: what runs in it, and in which order it begins and ends."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cloud_sync.adapters.station import StationRegistry
from cloud_sync.service import Forwarding
from devices.model.errors import DevicesError
from devices.model.keys import Refusal, Unlock
from devices.model.places import DoorId
from devices.rules.keys import judge
from enrolment.adapters.faces.engine import FaceWorker
from firmware_bridge.drivers.camera import CameraKeys, DoorCameras
from firmware_bridge.drivers.homeassistant import HomeAssistant
from firmware_bridge.links.broker import BrokerLink
from gateway.settings import LodgeSettings
from gateway.web.control import Joined, control_app
from gateway.web.site import Rooms, site
from gateway.wiring.faces import DocumentReader
from gateway.wiring.services import Services
from gateway.wiring.stores import Stores
from ledger.clock import Trust
from porch.accounts import Accounts
from porch.app import server
from porch.authority import authority, keep_renewed
from porch.control import control_server
from porch.supervise import Task, supervise

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
        settings = self.settings
        pages = server(site(self.rooms), settings.web)
        pages.listen()
        control = control_app(self, self.stores.book, self.rooms.accounts.salt)
        path = settings.at(settings.socket)
        words_in = control_server(control, path, settings.control_group)
        tasks: dict[str, Task] = {
            "web": pages.serve,
            "certificate": pages.renew,
            "authority": partial(
                keep_renewed,
                settings.web.certificate,
                self.stores.clock,
                authority(self.stores.master).unseal,
            ),
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

    async def pair(self, url: str, code: str) -> Joined:
        """Join a station by its officer's one-time code."""
        return await self.rooms.stations.pair(url, code)

    def judges(self) -> bool:
        """Say whether a code that nobody has is still refused."""
        now = self.stores.clock.now()
        asked = Unlock(DoorId(""), b"", now, self.stores.clock.trust)
        return judge(asked, self.stores.keys.find(b"")).refusal is Refusal.UNKNOWN_KEY

    async def begin(self) -> None:
        """Have keys, doors and locks at hand before the first message."""
        await self.stores.keys.refresh()
        self.services.locks.discover(await self.stores.locks.all())
        self.services.locks.tell(await self.stores.locks.told())
        await self.services.announcing.begin()
        await self.services.ekeys.end_strangers(await self.stores.houses.every_door())
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
                await self.services.feed.tick()
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
            self.services.shown.forget_old()  # whatever the disk says
            await self.services.scanning.forget_old()
            await self.services.moving_out.erase_due()
            await self.services.farewells.forget_over()
            term = self.settings.retention.after_departure
            await self.services.ekeys.forget_over(self.stores.clock.now() - term)
            await asyncio.sleep(ERASE_TICK)
