"""Shows a landlord's doors to his Home Assistant, and takes its unlock."""

import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from devices.model.errors import DevicesError
from devices.model.keys import Right
from devices.model.places import Door, DoorId, HouseId, Sharing
from devices.ports import Houses
from devices.service.access import Access
from devices.service.locks import Locks
from firmware_bridge.links.broker import BrokerLink, Incoming
from firmware_bridge.mqtt import shown as wire
from firmware_bridge.mqtt.discovery import STATUS

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HomeAssistant:
    """Keeps what is shown in step with what may be seen."""

    houses: Houses
    locks: Locks
    access: Access
    link: BrokerLink | None = None
    shown: dict[str, bytes] = field(default_factory=dict)
    doors: dict[str, tuple[Door, Sharing]] = field(default_factory=dict)
    known: list[tuple[Door, Sharing]] = field(default_factory=list)

    async def read(self) -> None:
        """Read again which doors there are, and what of them is shared."""
        doors = await self.houses.every_door()
        places = {each: await self.houses.house(each) for each in _houses(doors)}
        self.known = [(door, places[door.house].sharing) for door in doors]

    def takes(self, topic: str) -> bool:
        """Say whether a message is a command to one of the doors shown."""
        return topic.startswith("lodge/")

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a command; one that the broker kept is yesterday's."""
        if incoming.retained or incoming.payload != b"UNLOCK":
            return None
        return self._unlock(incoming.topic)

    async def refresh(self) -> None:
        """Publish what has changed: doors shown, bolts, batteries; withdraw the rest.

        While somebody lives behind a door its bolt is his, and is not shown.
        """
        wanted: dict[str, bytes] = {wire.AVAILABLE: b"online"}
        doors: dict[str, tuple[Door, Sharing]] = {}
        for door, sharing in self.known:
            if sharing is Sharing.OFF:
                continue
            shown = self._of(door)
            wanted |= wire.messages(shown)
            doors[f"{wire.base_of(shown)}/set"] = (door, sharing)
        for topic in self.shown:
            wanted.setdefault(topic, b"")
        self.doors = doors
        await self._publish(wanted)

    async def greet(self) -> None:
        """Say what Home Assistant says when it starts: then devices announce again.

        Not all of them have the broker keep what they announced.
        """
        if self.link is not None:
            with suppress(DevicesError):
                await self.link.publish(STATUS, b"online")

    def again(self) -> None:
        """Forget what was published; after a break all of it is said again."""
        self.shown = dict.fromkeys(self.shown, b"\0")

    def _of(self, door: Door) -> wire.Shown:
        lock = self.locks.seen.get(door.lock)
        let = bool(self.access.living(door))
        return wire.Shown(
            door.house,
            DoorId(door.id),
            door.name,
            lock.model if lock else "",
            lock.battery if lock else None,
            lock.bolt if lock and not let else None,
        )

    async def _publish(self, wanted: dict[str, bytes]) -> None:
        if self.link is None or not self.link.up:
            return
        for topic, payload in wanted.items():
            if self.shown.get(topic) != payload:
                try:
                    await self.link.publish(topic, payload, retain=True)
                except DevicesError:
                    return
                self.shown[topic] = payload

    async def _unlock(self, topic: str) -> None:
        door, sharing = self.doors.get(topic, (None, Sharing.OFF))
        if door is None or sharing is not Sharing.UNLOCKS:
            log.warning("a command for a door that is not to be opened from there")
            return
        request = replace(self.access.asked(door), right=Right.LANDLORD)
        await self.access.unlock(door, request)


def _houses(doors: Sequence[Door]) -> set[HouseId]:
    return {door.house for door in doors}
