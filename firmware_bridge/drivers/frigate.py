"""Takes what Frigate sees to the door before which it sees it."""

from collections.abc import Awaitable
from dataclasses import dataclass, field

from devices.model.places import Door
from devices.ports import Houses
from devices.service.watching import Watching
from firmware_bridge.links.broker import Incoming
from firmware_bridge.mqtt import frigate as wire


@dataclass(slots=True)
class FrigateFeed:
    """Takes Frigate's messages; a camera watches the door at which it is mounted."""

    watching: Watching
    houses: Houses
    _doors: dict[str, Door] = field(default_factory=dict)

    async def read(self) -> None:
        """Read again which camera is mounted at which door."""
        doors = {door.id: door for door in await self.houses.every_door()}
        told = await self.houses.sensors()
        self._doors = {name: doors[door] for name, door in told.items()}

    def takes(self, topic: str) -> bool:
        """Say whether a message is Frigate's."""
        return topic.startswith(f"{wire.BASE}/")

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; what was kept from before says nothing of now."""
        if incoming.retained:
            return None
        for seen in wire.read(incoming.topic, incoming.payload):
            name = f"{wire.BASE}:{seen.camera}"
            self.watching.found[name] = seen.camera
            if door := self._doors.get(name):
                self.watching.somebody(door.id, there=seen.somebody)
        return None
