"""Leases as their landlord makes, follows, confirms and ends them."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import segno
from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from cloud_sync.ports import Deliveries
from devices.model import Door, DoorId, HouseId, KeyState, RoomId, UnknownDoor
from devices.ports import Houses
from devices.service.ekeys import EKeys
from enrolment.model import FacePath, Lease, LeaseId, Stage
from enrolment.ports import Invitations, Leases
from enrolment.service.enrolment import Enrolment
from enrolment.service.letting import Letting
from enrolment.service.moving_out import MovingOut
from gateway.web.landlord import own
from ledger.clock import Clock
from porch.accounts import Role
from porch.guard import route, session_of
from porch.pages import Pages
from porch.problems import Problem

YEAR = timedelta(days=365)
MOMENT = timedelta(seconds=1)
STAGES = (
    Stage.INVITED,
    Stage.BOUND,
    Stage.NOTICED,
    Stage.IDENTIFIED,
    Stage.REGISTERED,
)


class NewLease(BaseModel):
    """A lease as its landlord fills it in; both dates are lived in."""

    label: str = Field(min_length=1, max_length=50)
    door: str = Field(max_length=40)
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePages:
    """The landlord's leases; each page checks that the house is his."""

    pages: Pages
    address: str
    houses: Houses
    leases: Leases
    invitations: Invitations
    deliveries: Deliveries
    ekeys: EKeys
    letting: Letting
    enrolment: Enrolment
    moving_out: MovingOut
    clock: Clock

    @route("GET", "/landlord/houses/{house}/rooms/{room}/lease", Role.LANDLORD)
    async def new_lease(
        self, request: Request, house: HouseId, room: RoomId
    ) -> Response:
        """Ask for a new lease."""
        found = await own(self.houses, request, house)
        rooms = {each.id: each for each in await self.houses.rooms(house)}
        doors = await self.houses.doors(house)
        if room not in rooms or not doors:
            raise UnknownDoor("the house needs a door with a lock first")
        today = self.clock.now().astimezone(ZoneInfo(found.time_zone)).date()
        context = {
            "house": found,
            "room": rooms[room],
            "doors": doors,
            "start": today,
            "end": today + YEAR,
        }
        return self.pages.show(request, "lease_new.html", context)

    @route("POST", "/landlord/houses/{house}/rooms/{room}/lease", Role.LANDLORD)
    async def add_lease(
        self,
        request: Request,
        house: HouseId,
        room: RoomId,
        told: Annotated[NewLease, Form()],
    ) -> Response:
        """Make the lease, its pending key, and the link for the tenant."""
        found = await own(self.houses, request, house)
        rooms = {each.id for each in await self.houses.rooms(house)}
        doors = {each.id: each for each in await self.houses.doors(house)}
        door = doors.get(DoorId(told.door))
        if room not in rooms or door is None:
            raise UnknownDoor("no such room or door")
        zone = ZoneInfo(found.time_zone)
        window = (
            datetime.combine(told.start, time(), zone),
            datetime.combine(told.end + timedelta(days=1), time(), zone),
        )
        label = told.label.strip()
        lease, token = await self.letting.let((house, room), door, label, window)
        return await self._lease(request, lease, token)

    @route("GET", "/landlord/leases/{lease}", Role.LANDLORD)
    async def lease(self, request: Request, lease: LeaseId) -> Response:
        """Show how far a tenant has come."""
        return await self._lease(request, await self._own(request, lease))

    @route("GET", "/landlord/leases/{lease}/progress", Role.LANDLORD)
    async def progress(self, request: Request, lease: LeaseId) -> Response:
        """Show the progress alone, to be put into an open page."""
        found = await self._own(request, lease)
        context = await self._context(found)
        return self.pages.show(request, "progress.html", context)

    @route("POST", "/landlord/leases/{lease}/invite", Role.LANDLORD)
    async def invite(self, request: Request, lease: LeaseId) -> Response:
        """Make a new link; the old one is dead."""
        found = await self._own(request, lease)
        token = await self.letting.invite_again(found)
        return await self._lease(request, found, token)

    @route("POST", "/landlord/leases/{lease}/confirm", Role.LANDLORD)
    async def confirm(
        self,
        request: Request,
        lease: LeaseId,
        last_four: Annotated[str, Form(min_length=4, max_length=4)],
        seen: Annotated[bool, Form()],
    ) -> Response:
        """Register the person whom the landlord has before him."""
        found = await self._own(request, lease)
        if not seen:
            raise Problem(422, "seen", "Confirm only whom you have before you.")
        by = session_of(request).subject
        await self.enrolment.enrol(found, await self._door(found), last_four, by)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("GET", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def ask_end(self, request: Request, lease: LeaseId) -> Response:
        """Ask once more before a lease is ended."""
        context = await self._context(await self._own(request, lease))
        return self.pages.show(request, "lease_end.html", context)

    @route("POST", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def end(self, request: Request, lease: LeaseId) -> Response:
        """End the lease: key dead, departure reported."""
        by = session_of(request).subject
        await self.moving_out.end(await self._own(request, lease), by)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    async def _lease(self, request: Request, lease: Lease, token: str = "") -> Response:
        context = await self._context(lease)
        link = f"{self.address}/t#{token}" if token else ""
        invitation = await self.invitations.of(lease.id)
        svg = segno.make(link, micro=False).svg_data_uri(scale=6) if link else ""
        shown = {**context, "link": link, "qr": svg, "invitation": invitation}
        return self.pages.show(request, "lease.html", shown)

    async def _context(self, lease: Lease) -> dict[str, Any]:
        rooms = await self.houses.rooms(lease.house)
        held = self.ekeys.held(lease.tenant)
        return {
            "lease": lease,
            "label": await self._label(lease),
            "room": next(each for each in rooms if each.id == lease.room),
            "stages": STAGES,
            "last_day": lease.ends - MOMENT,
            "awaits": self.enrolment.awaits_person(lease),
            "scan": lease.path is FacePath.SCAN,
            "held": held,
            "active": KeyState.ACTIVE,
            "deliveries": await self.deliveries.of(lease.tenant),
            "refresh": lease.stage is not Stage.ERASED,
            "ended": {Stage.LEFT, Stage.ERASED},
        }

    async def _label(self, lease: Lease) -> str:
        return "" if lease.stage is Stage.ERASED else await self.leases.label(lease)

    async def _door(self, lease: Lease) -> Door:
        key = next(key for key, _ in self.ekeys.held(lease.tenant))
        doors = await self.houses.doors(lease.house)
        return next(door for door in doors if door.id == key.door)

    async def _own(self, request: Request, lease: LeaseId) -> Lease:
        found = await self.leases.find(lease)
        await own(self.houses, request, found.house)
        return found
