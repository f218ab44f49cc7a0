"""A door's camera that takes passes shown as QR codes."""

import logging
from contextlib import aclosing
from dataclasses import dataclass

from devices.model.errors import DevicesError
from devices.model.places import DoorId
from devices.model.tokens import Pass
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
        async with aclosing(texts(self.source)) as seen:
            async for text in seen:
                if (shown := decode(text)) is not None:
                    await self._take(shown)

    async def _take(self, shown: Pass) -> None:
        try:
            door = await self.houses.door(self.door)
            await self.showing.take(door, shown)
        except DevicesError as error:
            log.warning("a pass was not taken: %s", type(error).__name__)
