"""What a landlord sees and does: houses, doors, what is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from devices.model.errors import UnknownDoor
from devices.model.places import (
    House,
    HouseId,
    Landlord,
    RoomId,
    Sharing,
    Taker,
)
from devices.ports import Houses, Tasks
from devices.rules.tasks import light
from devices.service.access import Access
from devices.service.announcing import Announcing
from devices.service.building import Building
from devices.service.locks import Locks
from enrolment.model.leases import Stage
from enrolment.ports import Leases
from enrolment.service.rights import Rights
from gateway.web.control import Joined
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
    lock: str = Field(max_length=120)
    keypad: str = Field(default="", max_length=100)
    room: str = Field(min_length=1, max_length=40)


class NewLandlord(BaseModel):
    """Who lets a house from now on, as a registry wants to know him."""

    landlord: str = Field(min_length=2, max_length=50)
    phone: str = Field(pattern=r"^\+?[0-9 -]{5,30}$")


class Stations(Protocol):
    """Which station the box reports to."""

    @property
    def waiting(self) -> Joined | None: ...
    async def pair(self, url: str, code: str) -> Joined: ...
    async def answer(self, fingerprint: str, by: str, *, good: bool) -> None: ...


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
    announcing: Announcing
    access: Access
    stations: Stations
    accounts: Accounts
    clock: Clock

    @route("GET", "/landlord", Role.LANDLORD)
    async def home(self, request: Request) -> Response:
        """Show his houses and what he has to do."""
        account = session_of(request).subject
        tasks = await self.tasks.of(account)
        now, mine = self.clock.now(), await self.houses.of(account)
        context = {
            "houses": mine,
            "tasks": [(task, light(task, now)) for task in tasks],
            "claimed": self._doubted(mine),
            "offered": await self.building.offered(await self._name(request)),
            "joined": self.stations.waiting if mine else None,
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
        leases, taker = await self.leases.of(house), await self._taker(request)
        shown = [each for each in leases if each.stage is not Stage.ERASED]
        context = {
            "house": found,
            "doors": known,
            "free": self.announcing.choices(await self.building.free_locks(taker)),
            "unusable": list(self.announcing.unusable.values()) if taker.alone else [],
            "keypads": await self.building.free(self.locks.keypads, taker),
            "alone": taker.alone,
            "offers": [e for e in await self.houses.offers() if e.house == house],
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
        self,
        request: Request,
        house: HouseId,
        account: Annotated[str, Form(min_length=1, max_length=60)],
    ) -> Response:
        """Offer the house to another landlord of this box, who has to take it."""
        found = await own(self.houses, request, house)
        await self.building.offer(found, account.strip())
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)

    @route("POST", "/landlord/houses/{house}/keep", Role.LANDLORD)
    async def keep(self, request: Request, house: HouseId) -> Response:
        """Take an offer of the house back."""
        await own(self.houses, request, house)
        await self.building.withdraw(house)
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)

    @route("POST", "/landlord/offers/{house}/accept", Role.LANDLORD, fresh=True)
    async def accept(
        self, request: Request, house: HouseId, told: Annotated[NewLandlord, Form()]
    ) -> Response:
        """Take a house that another landlord offers: keys that he gave die."""
        account = session_of(request).subject
        to = Landlord(account, told.landlord.strip(), told.phone.strip())
        abouts, name = await self.rights.concerns(house), await self._name(request)
        await self.building.accept(house, name, to, abouts)
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)

    @route("POST", "/landlord/offers/{house}/decline", Role.LANDLORD)
    async def decline(self, request: Request, house: HouseId) -> Response:
        """Leave a house to whoever offers it."""
        offered = await self.building.offered(await self._name(request))
        if house not in {each.id for each in offered}:
            raise UnknownDoor("this house is not offered to you")
        await self.building.withdraw(house)
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/station", Role.LANDLORD, fresh=True)
    async def station(
        self,
        request: Request,
        fingerprint: Annotated[str, Form(max_length=60)],
        good: Annotated[bool, Form()],
    ) -> Response:
        """Take the word of a landlord about another station than before."""
        account = session_of(request).subject
        if not await self.houses.of(account):
            raise UnknownDoor("you have no house here")
        await self.stations.answer(fingerprint, account, good=good)
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/clock", Role.LANDLORD)
    async def confirm_clock(self, request: Request) -> Response:
        """Take the landlord's word that the machine's clock is right, for his doors."""
        account = session_of(request).subject
        if await self.accounts.alone(account):
            self.clock.confirm(self.clock.claimed)
        else:
            houses = await self.houses.of(account)
            self.access.vouch([each.id for each in houses])
        return RedirectResponse("/landlord", status_code=303)

    @route("POST", "/landlord/houses/{house}/doors", Role.LANDLORD)
    async def hang(
        self, request: Request, house: HouseId, told: Annotated[NewDoor, Form()]
    ) -> Response:
        """Hang a discovered lock on a door of the house."""
        await own(self.houses, request, house)
        taker = await self._taker(request)
        lock, which = self.announcing.meant(told.lock)
        await self.building.may_hang(lock, told.keypad, by=taker)
        await self.announcing.choose(which, lock)
        room = None if told.room == SHARED else RoomId(told.room)
        name = told.name.strip()
        await self.building.hang(house, name, lock, told.keypad, room, taker)
        return RedirectResponse(f"/landlord/houses/{house}", status_code=303)

    def _doubted(self, mine: Sequence[House]) -> datetime | None:
        """Return what the clock shows, where a landlord's word for it is asked."""
        vouched = mine and all(self.access.vouches(each.id) for each in mine)
        sure = self.clock.trust is Trust.SURE or vouched
        return None if sure else self.clock.claimed

    async def _taker(self, request: Request) -> Taker:
        return await taker(self.accounts, request)

    async def _name(self, request: Request) -> str:
        found = await self.accounts.find(session_of(request).subject)
        return found.name if found else ""


async def taker(accounts: Accounts, request: Request) -> Taker:
    """Return who takes what was found on the broker or a line."""
    account = session_of(request).subject
    return Taker(account, alone=await accounts.alone(account))


async def own(houses: Houses, request: Request, house: HouseId) -> House:
    """Return a house of the landlord who asks; to anyone else there is no such."""
    found = await houses.house(house)
    if found.landlord.account != session_of(request).subject:
        raise UnknownDoor("there is no such house")
    return found
