"""What a landlord sees and does: houses, doors, what is to be done."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from devices.model.errors import UnknownDoor
from devices.model.places import House, HouseId, Landlord, LockId, RoomId, Sharing
from devices.ports import Houses, Tasks
from devices.rules.tasks import light
from devices.service.access import Access
from devices.service.building import Building
from devices.service.locks import Locks
from enrolment.model.leases import Stage
from enrolment.ports import Leases
from enrolment.service.rights import Rights
from ledger.clock import Clock, Trust
from porch.accounts import Accounts, Role
from porch.guard import route, session_of
from porch.pages import Pages
from porch.problems import Problem

ROOMS_MAX = 50
# What a form says of a door that leads to several rooms.
SHARED = "shared"


class NewHouse(BaseModel):
    """A house as its landlord fills it in; `rooms` has one a line."""

    landlord: str = Field(min_length=2, max_length=50)
    phone: str = Field(pattern=r"^\+?[0-9 -]{5,30}$")
    name: str = Field(min_length=1, max_length=50)
    address: str = Field(min_length=1, max_length=100)
    area: str = Field(pattern=r"^[0-9]{6}$")
    rooms: str = Field(max_length=2000)


class NewDoor(BaseModel):
    """A door as its landlord fills it in; `room` is a room's, or `shared`."""

    name: str = Field(min_length=1, max_length=50)
    lock: str = Field(max_length=100)
    keypad: str = Field(default="", max_length=100)
    room: str = Field(min_length=1, max_length=40)


class NewLandlord(BaseModel):
    """Who lets the house from now on: his account on this box, name and phone."""

    account: str = Field(min_length=1, max_length=60)
    landlord: str = Field(min_length=2, max_length=50)
    phone: str = Field(pattern=r"^\+?[0-9 -]{5,30}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LandlordPages:
    """The landlord's houses; each page checks that the house is his."""

    pages: Pages
    rights: Rights
    houses: Houses
    tasks: Tasks
    leases: Leases
    locks: Locks
    building: Building
    access: Access
    accounts: Accounts
    clock: Clock

    @route("GET", "/landlord", Role.LANDLORD)
    async def home(self, request: Request) -> Response:
        """Show his houses and what he has to do."""
        account = session_of(request).subject
        tasks = await self.tasks.of(account)
        now = self.clock.now()
        context = {
            "houses": await self.houses.of(account),
            "tasks": [(task, light(task, now)) for task in tasks],
            "claimed": None if self.clock.trust is Trust.SURE else self.clock.claimed,
        }
        return self.pages.show(request, "landlord.html", context)

    @route("GET", "/landlord/houses/new", Role.LANDLORD)
    async def new_house(self, request: Request) -> Response:
        """Ask for a new house."""
        mine = await self.houses.of(session_of(request).subject)
        landlord = mine[0].landlord if mine else None
        return self.pages.show(request, "house_new.html", {"landlord": landlord})

    @route("POST", "/landlord/houses/new", Role.LANDLORD)
    async def add_house(
        self, request: Request, told: Annotated[NewHouse, Form()]
    ) -> Response:
        """Register a house with its rooms, one a line."""
        names = [line.strip() for line in told.rooms.splitlines() if line.strip()]
        if not 1 <= len(names) <= ROOMS_MAX or len(set(names)) != len(names):
            raise Problem(422, "rooms", "Name each room once, one a line.")
        account = session_of(request).subject
        who = Landlord(account, told.landlord.strip(), told.phone.strip())
        place = (told.address.strip(), told.area)
        house = await self.building.register(who, told.name.strip(), place, names)
        return RedirectResponse(f"/landlord/houses/{house.id}", status_code=303)

    @route("GET", "/landlord/houses/{house}", Role.LANDLORD)
    async def house(self, request: Request, house: HouseId) -> Response:
        """Show a house: its doors as they are, its rooms and who is to live there."""
        found = await own(self.houses, request, house)
        doors = await self.houses.doors(house)
        known = [
            (door, self.locks.seen.get(door.lock), bool(self.access.living(door)))
            for door in doors
        ]
        leases = await self.leases.of(house)
        shown = [each for each in leases if each.stage is not Stage.ERASED]
        context = {
            "house": found,
            "doors": known,
            "free": await self.building.free_locks(),
            "keypads": self.locks.keypads,
            "rooms": await self.houses.rooms(house),
            "leases": shown,
            "labels": {each.id: await self.leases.label(each) for each in shown},
            "left": Stage.LEFT,
            "sharings": tuple(Sharing),
        }
        return self.pages.show(request, "house.html", context)

    @route("POST", "/landlord/houses/{house}/sharing", Role.LANDLORD)
    async def share(
        self, request: Request, house: HouseId, sharing: Annotated[Sharing, Form()]
    ) -> Response:
        """Say what his Home Assistant gets of the house's doors."""
        found = await own(self.houses, request, house)
        await self.building.share(found, sharing)
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)

    @route("POST", "/landlord/houses/{house}/hand-over", Role.LANDLORD, fresh=True)
    async def hand_over(
        self, request: Request, house: HouseId, told: Annotated[NewLandlord, Form()]
    ) -> Response:
        """Give the house to another landlord of this box: keys he gave die."""
        found = await own(self.houses, request, house)
        account = await self.accounts.named(told.account.strip(), Role.LANDLORD)
        to = Landlord(account, told.landlord.strip(), told.phone.strip())
        abouts = await self.rights.concerns(house)
        await self.building.hand_over(found, to, abouts)
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/clock", Role.LANDLORD)
    async def confirm_clock(self, request: Request) -> Response:
        """Take the landlord's word that the machine's clock is right."""
        del request
        self.clock.confirm(self.clock.claimed)
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/houses/{house}/doors", Role.LANDLORD)
    async def hang(
        self, request: Request, house: HouseId, told: Annotated[NewDoor, Form()]
    ) -> Response:
        """Hang a discovered lock on a door of the house."""
        await own(self.houses, request, house)
        lock = LockId(told.lock)
        room = None if told.room == SHARED else RoomId(told.room)
        name = told.name.strip()
        await self.building.hang(house, name, lock, told.keypad, room)
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)


async def own(houses: Houses, request: Request, house: HouseId) -> House:
    """Return a house of the landlord who asks; to anyone else there is no such."""
    found = await houses.house(house)
    if found.landlord.account != session_of(request).subject:
        raise UnknownDoor("there is no such house")
    return found
