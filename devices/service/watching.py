"""What sensors and locks say of the state of a door, turned into facts that change."""

from dataclasses import dataclass, field
from datetime import datetime

from devices.model.locks import Bolt, Lock
from devices.model.places import Door, DoorId, LockId
from devices.model.tasks import Incident
from devices.ports import Houses, Incidents
from devices.rules.tasks import AJAR_AFTER, THERE_FOR, battery_low
from devices.service.locks import UNDER_WAY, Locks
from ledger.clock import Clock

About = DoorId | LockId


@dataclass(slots=True)
class Watching:
    """Reports what begins and what is over, each once."""

    incidents: Incidents
    locks: Locks
    houses: Houses
    clock: Clock
    known: dict[tuple[Incident, About], bool] = field(default_factory=dict)
    ajar: dict[DoorId, datetime] = field(default_factory=dict)
    there: dict[DoorId, datetime] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    _hung: set[LockId] = field(default_factory=set)

    async def refresh(self) -> None:
        """Report of a lock that now hangs on a door what it said before it did."""
        hung = {door.lock for door in await self.houses.every_door()}
        for incident, about in [each for each, on in self.known.items() if on]:
            if about in hung - self._hung:
                self.incidents.report(incident, about)
        self._hung = hung

    def sense(self, incident: Incident, about: About, *, on: bool) -> None:
        """Take a sensor's word that something is so, or no longer so."""
        if self.known.get((incident, about)) is on:
            return
        self.known[incident, about] = on
        if on:
            self.incidents.report(incident, about)
        else:
            self.incidents.gone(incident, about)

    def over(self, incident: Incident, about: About) -> None:
        """Take note that something is over, whoever reported it."""
        self.known[incident, about] = False
        self.incidents.gone(incident, about)

    def battery(self, lock: Lock) -> None:
        """Look at a lock's battery; between low and good nothing changes."""
        low = battery_low(lock.battery)
        if low is not None:
            self.sense(Incident.BATTERY_LOW, lock.id, on=low)

    def contact(self, door: Door, *, open_: bool) -> None:
        """Take the leaf's word that it stands open or shut.

        One that opens while its bolt is out was forced, unless its lock was just told
        to open and has not said yet that it did.
        """
        if not open_:
            self.ajar.pop(door.id, None)
            self.sense(Incident.DOOR_AJAR, door.id, on=False)
            self.sense(Incident.FORCED_OPEN, door.id, on=False)
            return
        self.ajar.setdefault(door.id, self.clock.now())
        lock = self.locks.seen.get(door.lock)
        told = self.locks.command(door.lock) in UNDER_WAY
        if lock is not None and lock.bolt is Bolt.LOCKED and not told:
            self.sense(Incident.FORCED_OPEN, door.id, on=True)

    def somebody(self, door: DoorId, *, there: bool) -> None:
        """Take a camera's word that somebody is at a door, never who; kept nowhere."""
        if there:
            self.there[door] = self.clock.now()
        else:
            self.there.pop(door, None)

    def occupied(self, door: DoorId) -> bool:
        """Say whether somebody stood at the door a moment ago."""
        seen = self.there.get(door)
        return seen is not None and self.clock.now() - seen < THERE_FOR

    def tick(self) -> None:
        """Look which doors have stood open for too long."""
        now = self.clock.now()
        for door, since in self.ajar.items():
            if now - since >= AJAR_AFTER:
                self.sense(Incident.DOOR_AJAR, door, on=True)
