"""A look at who typed a code, before the door opens for it; never the only way in."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from devices.model.keys import EKey, EKeyId, Refusal, Right
from devices.model.places import Door, DoorId
from devices.model.tasks import Incident
from devices.ports import Houses, Incidents
from devices.service.access import Access
from enrolment.model.assessment import Feature
from enrolment.model.consents import ConsentKind
from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import Look, Seen
from enrolment.ports import Consents, DoorCameras, FaceEngine
from enrolment.rules.door_faces import (
    LOOK_LASTS,
    SILENT,
    enough,
    is_same,
    several,
    straight,
    there,
)
from enrolment.rules.liveness import best
from enrolment.service.switch import FaceSwitch
from ledger.errors import LedgerError
from ledger.ids import TenantId

CLAIMS_MAX = 8
OPENS = {Look.SAME, Look.OUT_OF_ORDER, Look.WITHDRAWN}


@dataclass(slots=True)
class DoorFaces:
    """Fulfils SecondLook: 1:1, after a claim, where landlord and tenant both chose it.

    No face is looked for before a claim. What the machine cannot do lets the code open
    alone, with an incident: a broken camera shuts nobody out.
    """

    access: Access
    houses: Houses
    consents: Consents
    faces: FaceEngine
    switch: FaceSwitch
    cameras: DoorCameras
    incidents: Incidents
    lasts: float = LOOK_LASTS
    _doors: AbstractSet[DoorId] = field(default_factory=frozenset)
    _agreed: AbstractSet[TenantId] = field(default_factory=frozenset)
    _holders: Collection[TenantId] = field(default_factory=frozenset)
    _under_way: set[tuple[DoorId, EKeyId]] = field(default_factory=set)
    _turns: defaultdict[DoorId, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    _claims: asyncio.Queue[tuple[Door, EKey]] = field(
        default_factory=lambda: asyncio.Queue(CLAIMS_MAX)
    )

    async def refresh(self) -> None:
        """Have at hand which doors and which residents chose it."""
        doors = await self.houses.every_door()
        self._doors = {each.id for each in doors if each.second_look}
        self._agreed = await self.consents.who_gave(ConsentKind.FACE_AT_DOOR)
        self._holders = self._agreed & await self.consents.who_left_template()

    async def forget_unoffered(self) -> None:
        """Delete the templates of residents at none of whose doors a look is offered.

        Their agreement ends with the offer; a camera that is only away changes nothing.
        """
        await self.refresh()
        now = self.access.clock.now()
        for holder in self._agreed:
            doors = {d for key in self.access.keys.of(holder) for d in key.doors}
            if doors & self._doors:
                continue
            async with self.access.book.page() as page:
                kinds = [ConsentKind.FACE_AT_DOOR]
                self.consents.withdraw(page, holder, now, kinds)
                self.consents.drop(page, holder)
        await self.refresh()

    def offered(self, door: Door) -> bool:
        """Say whether a resident of this door may choose it."""
        return self._at(door) and self.switch.off(Feature.FACE_AT_DOOR) is None

    def claim(self, door: Door, key: EKey) -> bool:
        """Take a claim that a look has to follow; false where the code opens alone.

        Which it does for whoever has neither card nor phone beside it.
        """
        chosen = key.resident and key.holder in self._holders
        other = chosen and self.access.keys.stands_otherwise(key)
        if not other or not self._at(door):
            return False
        mine = (door.id, key.id)
        if mine in self._under_way:
            return True  # a second tap
        if self._claims.full():
            self.incidents.report(Incident.NO_SECOND_LOOK, door.id)
            return False
        self._under_way.add(mine)
        self._claims.put_nowait((door, key))
        return True

    async def run(self) -> None:
        """Look, claim after claim, each door by itself."""
        async with asyncio.TaskGroup() as looks:
            while True:
                door, key = await self._claims.get()
                looks.create_task(self.look(door, key))

    async def look(self, door: Door, key: EKey) -> Look:
        """Look at who made a claim, and open or refuse; at a door one after another."""
        try:
            async with self._turns[door.id]:
                found = await self._see(door, key)
                await self._act(door, key, found)
                return found
        finally:
            self._under_way.discard((door.id, key.id))

    async def _act(self, door: Door, key: EKey, found: Look) -> None:
        if found is Look.OUT_OF_ORDER:
            self.incidents.report(Incident.NO_SECOND_LOOK, door.id)
        if found in OPENS:
            asked = self.access.asked(door)
            request = replace(asked, right=Right.SHOWN, proven=key.id)
            await self.access.unlock(door, request)
            return
        other = found is Look.OTHER
        refusal = Refusal.FACE_DIFFERS if other else Refusal.FACE_NOT_SEEN
        await self.access.refuse(door, refusal, key)
        if other:
            self.access.wrong_at_lock(door)

    def _at(self, door: Door) -> bool:
        return door.id in self._doors and self.cameras.there(door.id)

    async def _see(self, door: Door, key: EKey) -> Look:
        try:
            template = await self.consents.template(key.holder)
            if template is None:
                return Look.WITHDRAWN
            if self.switch.off(Feature.FACE_AT_DOOR) is not None:
                return Look.OUT_OF_ORDER
            return await self._judged(door, template)
        except (FaceEngineDown, LedgerError):
            return Look.OUT_OF_ORDER

    async def _judged(self, door: Door, template: bytes) -> Look:
        good: list[Seen] = []
        last = -SILENT
        async with aclosing(self.cameras.frames(door.id, self.lasts)) as frames:
            async for frame in frames:
                last = frame[0]
                seen = await self.faces.measure([frame], first=True)
                if several(seen):
                    good.clear()  # who stands beside him asked for nothing
                good += straight(seen)
                if enough(good):
                    break
            else:
                works = last >= self.lasts - SILENT
                return Look.NOBODY if works else Look.OUT_OF_ORDER
        engine = self.faces.engine
        if not there(good, await self.faces.relate(good, first=True), engine):
            return Look.OTHER
        match = await self.faces.match(template, best(good), first=True)
        return Look.SAME if is_same(match, engine) else Look.OTHER
