"""Every alarm becomes a task of somebody's, told to those whom it concerns."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from devices.model.errors import NotYours, UnknownDoor
from devices.model.places import Door, DoorId, LockId
from devices.model.tasks import Incident, Task, TaskId, TaskKind
from devices.ports import Houses, KeyRing, Tasks
from devices.rules.keys import lives_there
from devices.rules.tasks import TERMS, may_close
from ledger.book import Book
from ledger.clock import Clock
from ledger.ids import new_id

log = logging.getLogger(__name__)
Fact = tuple[Incident, DoorId | LockId, str | None]


@dataclass(slots=True)
class Alarms:
    """Fulfils Incidents: takes facts without waiting, and books them in order."""

    book: Book
    tasks: Tasks
    houses: Houses
    keys: KeyRing
    salt: bytes
    clock: Clock
    facts: asyncio.Queue[Fact] = field(default_factory=asyncio.Queue)

    def report(
        self, incident: Incident, about: DoorId | LockId, note: str = ""
    ) -> None:
        """Take note that something happened; never fail, never wait."""
        log.warning("incident %s at %s", incident.value, about)
        self.facts.put_nowait((incident, about, note))

    def gone(self, incident: Incident, about: DoorId | LockId) -> None:
        """Take note that a cause is gone."""
        self.facts.put_nowait((incident, about, None))

    async def run(self) -> None:
        """Book facts for ever."""
        while True:
            await self.book_next()

    async def book_next(self) -> None:
        """Book the next fact: a task for each whom it concerns, or its cause gone.

        A fact whose task is open already adds none.
        """
        incident, about, note = await self.facts.get()
        if (door := await self._door(about)) is None:
            return
        waiting = await self.tasks.open_of(incident, door.id)
        if note is None:
            for over in waiting:
                await self._keep(replace(over, gone=self.clock.now()), "gone")
            return
        known = {task.owner: task for task in waiting}
        for owner in await self._concerned(incident, door):
            task = known.get(owner)
            if task is None:
                await self._open(incident, door, owner, note)
            elif task.gone is not None:
                await self._keep(replace(task, gone=None), "again")

    async def accept(self, task: TaskId, by: str) -> Task:
        """Take an owner's word that he has looked; close it once its cause is gone."""
        found = await self.tasks.find(task)
        if found.owner != by:
            raise NotYours("this is somebody else's to look at")
        return await self._keep(replace(found, accepted=self.clock.now()), "accepted")

    async def _keep(self, task: Task, what: str) -> Task:
        now = self.clock.now()
        kept = replace(task, closed=now) if may_close(task) else task
        async with self.book.page() as page:
            self.tasks.change(page, kept)
            page.note(f"task/{what}", f"{task.id} {task.owner}".encode(), self.salt)
        return kept

    async def _open(
        self, incident: Incident, door: Door, owner: str, note: str
    ) -> None:
        task = Task(
            TaskId(new_id()),
            TaskKind.LOOK_AT,
            owner,
            door.id,
            self.clock.now(),
            TERMS[incident].term,
            incident=incident,
            note=note,
        )
        async with self.book.page() as page:
            self.tasks.open(page, task)
            told = f"{task.id} {incident.value} {door.id}".encode()
            page.note("incident", told, self.salt)

    async def _concerned(self, incident: Incident, door: Door) -> Sequence[str]:
        house = await self.houses.house(door.house)
        owners = [house.landlord.account]
        if TERMS[incident].residents:
            keys = list(self.keys.at_door(door.id))
            living = lives_there(keys, door.id, self.clock.now())
            owners += sorted({key.holder for key in living})
        return owners

    async def _door(self, about: DoorId | LockId) -> Door | None:
        try:
            return await self.houses.door(DoorId(about))
        except UnknownDoor:
            doors = await self.houses.every_door()
            return next((door for door in doors if door.lock == about), None)
