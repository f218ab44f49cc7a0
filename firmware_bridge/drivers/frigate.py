"""Takes what Frigate sees to the door before which it sees it."""

from collections.abc import Awaitable
from dataclasses import dataclass, field

from devices.model.places import Door
from devices.ports import Houses
from devices.service.watching import Watching
from firmware_bridge.links.broker import Incoming
from firmware_bridge.mqtt import frigate as wire

# More people than that before one door are counted as so many.
CROWD = 50


@dataclass(slots=True)
class FrigateFeed:
    """Takes Frigate's messages; a camera watches the door at which it is mounted."""

    watching: Watching
    houses: Houses
    prefix: str = wire.BASE
    _doors: dict[str, Door] = field(default_factory=dict)
    _people: dict[str, set[str]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    async def read(self) -> None:
        """Read again which camera is mounted at which door."""
        doors = {door.id: door for door in await self.houses.every_door()}
        told = await self.houses.sensors()
        self._doors = {name: doors[door] for name, door in told.items()}

    def takes(self, topic: str) -> bool:
        """Say whether a message is Frigate's."""
        return topic.startswith(f"{self.prefix}/")

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; what was kept from before says nothing of now."""
        if incoming.retained:
            return None
        for said in wire.read(self.prefix, incoming.topic, incoming.payload):
            match said:
                case wire.Lost():
                    cameras = [*self._people, *self._counts]
                    self._people.clear()
                    self._counts.clear()
                    for camera in cameras:
                        self._tell(camera)
                case wire.Counted(camera, people):
                    self._counts[camera] = people
                    self._tell(camera)
                case wire.Seen(camera, who, there):
                    self._see(camera, who, there=there)
                    self._tell(camera)
        return None

    def _see(self, camera: str, who: str, *, there: bool) -> None:
        people = self._people.setdefault(camera, set())
        if there and len(people) < CROWD:
            people.add(who)
        elif not there:
            people.discard(who)

    def _tell(self, camera: str) -> None:
        """Say whether somebody is there: by the count where it is told, or by names."""
        name = f"{wire.BASE}:{camera}"
        self.watching.found[name] = camera
        if door := self._doors.get(name):
            people = bool(self._people.get(camera))
            there = self._counts[camera] > 0 if camera in self._counts else people
            self.watching.somebody(door.id, there=there)
