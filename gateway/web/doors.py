"""The landlord's doors: how they are, who can open, opening from afar."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from devices.model.errors import UnknownDoor
from devices.model.firmware import UNDER_WAY
from devices.model.keys import EKey, EKeyId, KeyKind, Refusal
from devices.model.locks import Digits, PinFacts
from devices.model.places import Door, DoorId
from devices.model.tasks import TaskId
from devices.ports import Houses, Journal, KeyRing, Tasks
from devices.rules.keys import over
from devices.rules.pins import DIGITS_LEAST, DIGITS_MOST
from devices.rules.tasks import light
from devices.service.access import Access
from devices.service.alarms import Alarms
from devices.service.announcing import Announcing
from devices.service.asking import Asking, Emergency
from devices.service.building import Building
from devices.service.credentials import Credentials
from devices.service.firmware import Firmware
from devices.service.locks import Locks
from devices.service.replacing import Replacing
from devices.service.watching import Watching
from enrolment.service.door_faces import DoorFaces
from gateway.settings import LodgeSettings
from gateway.web.landlord import own, taker
from ledger.clock import Clock
from porch.accounts import Accounts, Role
from porch.certificates import trusted
from porch.guard import route, session_of
from porch.pages import Pages, qr_of
from porch.problems import Problem


class PinForm(BaseModel):
    """What a lock takes, as its manual has it: slots and digits."""

    least: int = Field(ge=DIGITS_LEAST, le=DIGITS_MOST)
    most: int = Field(ge=DIGITS_LEAST, le=DIGITS_MOST)
    first: int = Field(ge=0, le=1000)
    last: int = Field(ge=0, le=1000)

    def facts(self) -> PinFacts:
        """Return it, or 422 where it says that nothing fits."""
        if self.least > self.most or self.first > self.last:
            raise Problem(422, "pins", "Write the smaller number first.")
        return PinFacts(self.last + 1, self.first, Digits(self.least, self.most))


class EmergencyForm(BaseModel):
    """An emergency opening: who opens, why it cannot wait, who stands beside him."""

    who: str = Field(min_length=2, max_length=50)
    basis: str = Field(min_length=4, max_length=200)
    witness: str = Field(min_length=2, max_length=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPages:
    """The landlord's doors; what belongs to residents is not on them."""

    pages: Pages
    settings: LodgeSettings
    houses: Houses
    keys: KeyRing
    tasks: Tasks
    journal: Journal
    locks: Locks
    credentials: Credentials
    access: Access
    asking: Asking
    alarms: Alarms
    watching: Watching
    building: Building
    announcing: Announcing
    replacing: Replacing
    firmware: Firmware | None
    door_faces: DoorFaces
    accounts: Accounts
    clock: Clock

    @route("GET", "/landlord/doors/{door}", Role.LANDLORD)
    async def door(self, request: Request, door: DoorId) -> Response:
        """Show a door: its bolt where nobody lives behind it, its faults, its keys."""
        found = await self._own(request, door)
        context = await self._context(request, found)
        return self.pages.show(request, "door.html", context)

    @route("GET", "/landlord/doors/{door}/firmware", Role.LANDLORD)
    async def update(self, request: Request, door: DoorId) -> Response:
        """Show how far the lock's new firmware is, alone."""
        found = await self._own(request, door)
        context = {"door": found, "update": await self._update(found)}
        return self.pages.show(request, "firmware.html", context)

    @route("POST", "/landlord/doors/{door}/open", Role.LANDLORD)
    async def open(self, request: Request, door: DoorId) -> Response:
        """Open from afar; where somebody lives behind the door he is asked first."""
        found = await self._own(request, door)
        verdict = await self.asking.open_for(found, session_of(request).subject)
        said = verdict.refusal.value if verdict.refusal else "granted"
        return RedirectResponse(f"/landlord/doors/{door}?said={said}", status_code=303)

    @route("GET", "/landlord/doors/{door}/opening", Role.LANDLORD)
    async def opening(self, request: Request, door: DoorId) -> Response:
        """Show how far the last command came, alone; nothing where somebody lives."""
        found = await self._own(request, door)
        command = None if self.access.living(found) else self.locks.latest(found.lock)
        told = {"outcome": command, "here": f"/landlord/doors/{door}"}
        return self.pages.show(request, "opening.html", told)

    @route("POST", "/landlord/doors/{door}/lock", Role.LANDLORD, fresh=True)
    async def replace(
        self,
        request: Request,
        door: DoorId,
        lock: Annotated[str, Form(min_length=1, max_length=120)],
    ) -> Response:
        """Put another lock in the place of the door's; keys and PINs go on there."""
        found = await self._own(request, door)
        by = await taker(self.accounts, request)
        await self.replacing.replace(found, lock, by)
        page = f"/landlord/doors/{door}?said=replaced"
        return RedirectResponse(page, status_code=303)

    @route("POST", "/landlord/doors/{door}/pins", Role.LANDLORD)
    async def pins(
        self, request: Request, door: DoorId, told: Annotated[PinForm, Form()]
    ) -> Response:
        """Take the landlord's word which PINs the door's lock takes."""
        found = await self._own(request, door)
        await self.building.tell_pins(found.lock, told.facts())
        return RedirectResponse(f"/landlord/doors/{door}", status_code=303)

    @route("POST", "/landlord/doors/{door}/place", Role.LANDLORD, fresh=True)
    async def place(
        self,
        request: Request,
        door: DoorId,
        announced: Annotated[str, Form(max_length=20)],
    ) -> Response:
        """Take the landlord's word that this is where the door's lock listens now."""
        found = await self._own(request, door)
        await self.announcing.choose(announced, found.lock)
        return RedirectResponse(f"/landlord/doors/{door}", status_code=303)

    @route("POST", "/landlord/doors/{door}/emergency", Role.LANDLORD, fresh=True)
    async def emergency(
        self, request: Request, door: DoorId, told: Annotated[EmergencyForm, Form()]
    ) -> Response:
        """Open in an emergency: on record, told to the residents, reviewed."""
        found = await self._own(request, door)
        emergency = Emergency(told.who, told.basis, told.witness)
        await self.asking.open_in_emergency(found, emergency)
        return RedirectResponse(f"/landlord/doors/{door}?said=granted", status_code=303)

    @route("POST", "/landlord/doors/{door}/sensors", Role.LANDLORD)
    async def mount(
        self,
        request: Request,
        door: DoorId,
        sensor: Annotated[str, Form(min_length=1, max_length=100)],
    ) -> Response:
        """Say that a sensor or camera that was found watches this door."""
        found = await self._own(request, door)
        if sensor not in {each for each, _ in await self._free_sensors(request)}:
            raise UnknownDoor("there is no such sensor that watches no door yet")
        await self.building.mount(sensor, found)
        return RedirectResponse(f"/landlord/doors/{door}", status_code=303)

    @route("POST", "/landlord/doors/{door}/second-look", Role.LANDLORD)
    async def second_look(
        self, request: Request, door: DoorId, offered: Annotated[bool, Form()]
    ) -> Response:
        """Offer residents a look at their face after their PIN, or no longer."""
        found = await self._own(request, door)
        await self.building.offer_look(found, offered=offered)
        if not offered:
            await self.door_faces.forget_unoffered()
        return RedirectResponse(f"/landlord/doors/{door}", status_code=303)

    @route("GET", "/landlord/doors/{door}/card", Role.LANDLORD)
    async def card(self, request: Request, door: DoorId) -> Response:
        """Show what hangs printed inside the door: what to do when something fails."""
        found = await self._own(request, door)
        house = await self.houses.house(found.house)
        lock = self.locks.seen.get(found.lock)
        alone = self.locks.alone.get(found.lock)
        context = {
            "door": found,
            "house": house,
            "lock": lock,
            "alone": alone,
            "camera": self._camera(door),
            "qr": self._qr(),
        }
        return self.pages.show(request, "door_card.html", context)

    def _qr(self) -> str:
        """Return the code by which newcomers begin; none that a phone would refuse."""
        web = self.settings.web
        return qr_of(f"{web.address}/t") if trusted(web.certificate) else ""

    @route("POST", "/landlord/tasks/{task}/accept", Role.LANDLORD)
    async def accept(self, request: Request, task: TaskId) -> Response:
        """Take the landlord's word that he has looked at an alarm."""
        await self.alarms.accept(task, session_of(request).subject)
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/tasks/{task}/cleared", Role.LANDLORD)
    async def cleared(self, request: Request, task: TaskId) -> Response:
        """Take the landlord's word that he cleared a PIN at the keypad."""
        found = await self.tasks.find(task)
        key = self.keys.key(EKeyId(found.about))
        for door in key.doors:
            await self._own(request, door)
        await self.credentials.attest(key)
        return RedirectResponse("/landlord", status_code=303)

    async def _context(self, request: Request, door: Door) -> dict[str, Any]:
        now, account = self.clock.now(), session_of(request).subject
        living, by = self.access.living(door), await taker(self.accounts, request)
        keys = [k for k in self.keys.at_door(door.id) if not over(k, now)]
        given = [k for k in keys if k.issuer == account and not k.resident]
        said = request.query_params.get("said", "")
        return {
            "door": door,
            "house": await self.houses.house(door.house),
            "lock": self.locks.seen.get(door.lock),
            "update": await self._update(door),
            "alone": self.locks.alone.get(door.lock),
            "left": door.lock in self.locks.left,
            "used": self.announcing.believed(door.lock),
            "rivals": self.announcing.rivals(door.lock),
            "command": None if living else self.locks.command(door.lock),
            "living": living,
            "outcome": None if living else self.locks.latest(door.lock),
            "here": f"/landlord/doors/{door.id}",
            "free": self.announcing.choices(await self.building.free_locks(by)),
            "foreign": sorted(self.locks.foreign(door.lock)),
            "residents": sum(key.resident for key in keys),
            "guests": sum(key.kind is KeyKind.GUEST for key in keys),
            "given": [(key, await self.keys.label(key)) for key in given],
            "events": await self._events(given, door),
            "tasks": [
                (task, light(task, now))
                for task in await self.tasks.of(account)
                if task.about == door.id
            ],
            "sensors": await self._sensors(door.id),
            "free_sensors": await self._free_sensors(request),
            "said": said if said in SAID else "",
            "camera": self._camera(door.id),
        }

    def _camera(self, door: DoorId) -> bool:
        return any(each.door == door for each in self.settings.cameras)

    async def _update(self, door: Door) -> dict[str, Any] | None:
        """Return the door's update: its step, its version, and the percent sent."""
        if self.firmware is None:
            return None
        for controller in self.firmware.controllers.values():
            update = await self.firmware.updates.of(controller.id)
            if controller.door == door.id and update is not None:
                sent, size = self.firmware.sent.get(controller.id, (0, 1))
                return {
                    "step": update.step.value,
                    "version": str(update.image.version),
                    "before": update.before,
                    "percent": sent * 100 // size,
                    "under_way": update.step in UNDER_WAY,
                    "at": update.at,
                }
        return None

    async def _sensors(self, door: DoorId) -> list[str]:
        told, found = await self.houses.sensors(), self.watching.found
        return [found.get(each, each) for each, at in told.items() if at == door]

    async def _free_sensors(self, request: Request) -> list[tuple[str, str]]:
        taken, found = await self.houses.sensors(), self.watching.found
        by = await taker(self.accounts, request)
        free = await self.building.free([e for e in found if e not in taken], by)
        return sorted((each, found[each]) for each in free)

    async def _events(self, given: list[EKey], door: Door) -> list[Any]:
        names = {key.id: await self.keys.label(key) for key in given}
        events = await self.journal.of_keys(list(names))
        return [
            (event, names[EKeyId(event.key)])
            for event in events
            if event.door == door.id and event.key is not None
        ]

    async def _own(self, request: Request, door: DoorId) -> Door:
        found = await self.houses.door(door)
        await own(self.houses, request, found.house)
        return found


SAID = {"granted", "replaced", *(refusal.value for refusal in Refusal)}
