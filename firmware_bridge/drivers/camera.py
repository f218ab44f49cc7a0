"""A door's camera: it takes passes shown as QR codes, and looks when it is asked to."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from devices.model.errors import DevicesError
from devices.model.places import DoorId
from devices.model.tokens import Pass
from devices.ports import Houses
from devices.service.showing import Showing
from firmware_bridge.links.camera import Camera
from firmware_bridge.qr.passes import decode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CameraKeys:
    """Hands passes that are shown to a camera to the door beside it."""

    camera: Camera
    door: DoorId
    houses: Houses
    showing: Showing

    async def run(self) -> None:
        """Serve until cancelled."""
        async with aclosing(self.camera.texts()) as seen:
            async for text in seen:
                if (shown := decode(text)) is not None:
                    await self._take(shown)

    async def _take(self, shown: Pass) -> None:
        try:
            door = await self.houses.door(self.door)
            await self.showing.take(door, shown)
        except DevicesError as error:
            log.warning("a pass was not taken: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class DoorCameras:
    """Fulfils DoorCameras of enrolment."""

    cameras: dict[DoorId, Camera] = field(default_factory=dict)

    def there(self, door: DoorId) -> bool:
        return door in self.cameras

    async def frames(
        self, door: DoorId, lasts: float
    ) -> AsyncGenerator[tuple[float, bytes], None]:
        async with aclosing(self.cameras[door].frames(lasts)) as seen:
            async for frame in seen:
                yield frame
