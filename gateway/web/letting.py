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
from devices.model.approvals import ApprovalKind, Paper
from devices.model.errors import UnknownDoor
from devices.model.keys import KeyState
from devices.model.places import HouseId, RoomId
from devices.ports import Houses
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.credentials import Credentials
from devices.service.ekeys import DONE, EKeys
from enrolment.model.leases import FacePath, Lease, LeaseId, Stage
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
MONTH = timedelta(days=31)
ENDED = frozenset({Stage.LEFT, Stage.ERASED})
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
    start: date
    end: date


class PaperForm(BaseModel):
    """An official paper as its reader types it in."""

    kind: ApprovalKind
    authority: str = Field(min_length=2, max_length=60)
    number: str = Field(min_length=2, max_length=60)


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
    building: Building
    asking: Asking
    credentials: Credentials
    clock: Clock

    @route("GET", "/landlord/houses/{house}/rooms/{room}/lease", Role.LANDLORD)
    async def new_lease(
        self, request: Request, house: HouseId, room: RoomId
    ) -> Response:
        """Ask for a new lease."""
        found = await own(self.houses, request, house)
        rooms = {each.id: each for each in await self.houses.rooms(house)}
        doors = await self.building.doors_of(house, room)
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
        doors = await self.building.doors_of(house, room)
        if room not in rooms or not doors:
            raise UnknownDoor("no such room, or no door to it")
        zone = ZoneInfo(found.time_zone)
        window = (
            datetime.combine(told.start, time(), zone),
            datetime.combine(told.end + timedelta(days=1), time(), zone),
        )
        label = told.label.strip()
        lease, token = await self.letting.let((house, room), doors, label, window)
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
        doors = await self.building.doors_of(found.house, found.room)
        await self.enrolment.enrol(found, doors, last_four, by)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("GET", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def ask_end(self, request: Request, lease: LeaseId) -> Response:
        """Ask once more before a lease is ended."""
        context = await self._context(await self._own(request, lease))
        return self.pages.show(request, "lease_end.html", context)

    @route("POST", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def end(self, request: Request, lease: LeaseId) -> Response:
        """End the lease: key dead, departure reported.

        Before its last day the tenant has agreed, or an official paper stands in.
        """
        found, by = await self._own(request, lease), session_of(request).subject
        agreed = await self.asking.granted(ApprovalKind.END_LEASE, lease)
        await self.moving_out.end(found, by, agreed=agreed)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("POST", "/landlord/leases/{lease}/ask", Role.LANDLORD)
    async def ask(
        self,
        request: Request,
        lease: LeaseId,
        kind: Annotated[ApprovalKind, Form()],
    ) -> Response:
        """Ask the tenant to agree to the lease's end, or to a frozen key."""
        found, by = await self._own(request, lease), session_of(request).subject
        if kind is ApprovalKind.OPEN_DOOR:
            raise Problem(422, "kind", "Ask for a door on the door's own page.")
        await self.asking.ask(kind, lease, found.tenant, by)
        return RedirectResponse(f"/landlord/leases/{lease}/end", status_code=303)

    @route("POST", "/landlord/leases/{lease}/paper", Role.LANDLORD)
    async def paper(
        self, request: Request, lease: LeaseId, told: Annotated[PaperForm, Form()]
    ) -> Response:
        """Act on an official paper; the tenant sees which."""
        found, by = await self._own(request, lease), session_of(request).subject
        if told.kind is ApprovalKind.OPEN_DOOR:
            raise Problem(422, "kind", "Ask for a door on the door's own page.")
        paper = Paper(told.authority.strip(), told.number.strip())
        await self.asking.show_paper(told.kind, (lease, found.tenant), by, paper)
        if told.kind is ApprovalKind.FREEZE_KEY:
            key = self.ekeys.keys.key(found.key)
            await self.ekeys.freeze(key, by, agreed=True)
        else:
            await self.moving_out.end(found, by, agreed=True)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("POST", "/landlord/leases/{lease}/co-tenant", Role.LANDLORD)
    async def add_co_tenant(
        self,
        request: Request,
        lease: LeaseId,
        label: Annotated[str, Form(min_length=1, max_length=50)],
    ) -> Response:
        """Let somebody move in beside the tenant, with a link and key of his own."""
        found = await self._own(request, lease)
        doors = await self.building.doors_of(found.house, found.room)
        made, token = await self.letting.add_co_tenant(found, doors, label.strip())
        return await self._lease(request, made, token)

    @route("GET", "/landlord/month-end", Role.LANDLORD)
    async def month_end(self, request: Request) -> Response:
        """Show in one list every lease that ends soon or has ended: what is missing."""
        now = self.clock.now()
        rows = []
        for house in await self.houses.of(session_of(request).subject):
            rooms = {each.id: each for each in await self.houses.rooms(house.id)}
            for lease in await self.leases.of(house.id):
                if lease.stage is Stage.ERASED or lease.ends > now + MONTH:
                    continue
                given = self.ekeys.given(self.ekeys.keys.key(lease.key))
                cleared = all(each.state in DONE for each in given)
                label = await self.leases.label(lease)
                rows.append((house, rooms[lease.room], lease, label, cleared))
        rows.sort(key=lambda row: row[2].ends)
        context = {"rows": rows, "now": now, "ended": ENDED, "moment": MOMENT}
        return self.pages.show(request, "month_end.html", context)

    @route("POST", "/landlord/month-end", Role.LANDLORD)
    async def end_many(
        self,
        request: Request,
        leases: Annotated[list[LeaseId], Form(max_length=200)],
    ) -> Response:
        """End many leases whose last day is over, or that were agreed on."""
        by = session_of(request).subject
        for lease in leases:
            found = await self._own(request, lease)
            agreed = await self.asking.granted(ApprovalKind.END_LEASE, lease)
            await self.moving_out.end(found, by, agreed=agreed)
        return RedirectResponse("/landlord/month-end", status_code=303)

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
            "ended": ENDED,
            "questions": await self.asking.approvals.about(lease.id),
            "early": lease.stage is Stage.REGISTERED
            and self.clock.now() < lease.ends
            and not await self.asking.granted(ApprovalKind.END_LEASE, lease.id),
            "ready": self.credentials.ready(self.ekeys.keys.key(lease.key)),
            "now": self.clock.now(),
        }

    async def _label(self, lease: Lease) -> str:
        return "" if lease.stage is Stage.ERASED else await self.leases.label(lease)

    async def _own(self, request: Request, lease: LeaseId) -> Lease:
        found = await self.leases.find(lease)
        await own(self.houses, request, found.house)
        return found
