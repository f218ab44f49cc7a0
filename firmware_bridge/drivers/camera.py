"""A door's camera that takes passes shown as QR codes."""

import logging
from dataclasses import dataclass

from devices.model.errors import DevicesError
from devices.model.places import DoorId
from devices.ports import Houses
from devices.service.showing import Showing
from firmware_bridge.links.camera import texts
from firmware_bridge.qr.passes import decode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CameraKeys:
    """Hands passes that are shown to a camera to the door beside it."""

    source: str
    door: DoorId
    houses: Houses
    showing: Showing

    async def run(self) -> None:
        """Serve until cancelled."""
        async for text in texts(self.source):
            if (shown := decode(text)) is None:
                continue
            try:
                door = await self.houses.door(self.door)
                await self.showing.take(door, shown)
            except DevicesError as error:
                log.warning("a pass was not taken: %s", type(error).__name__)
