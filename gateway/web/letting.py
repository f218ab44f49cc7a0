"""Leases as their landlord makes, follows, confirms and ends them."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from cloud_sync.ports import Deliveries
from devices.model.approvals import ApprovalKind
from devices.model.errors import UnknownDoor
from devices.model.keys import KeyState
from devices.model.places import HouseId, RoomId
from devices.ports import Houses
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.credentials import Credentials
from devices.service.ekeys import EKeys
from enrolment.model.errors import WindowWrong
from enrolment.model.leases import ENDED, FacePath, Lease, LeaseId, Stage
from enrolment.ports import Invitations, Leases
from enrolment.rules.standing import awaits_person
from enrolment.service.enrolment import Enrolment
from enrolment.service.letting import Letting
from enrolment.service.prolonging import Prolonging
from gateway.settings import LodgeSettings
from gateway.web.known import MOMENT
from gateway.web.landlord import own
from gateway.web.own import place
from ledger.clock import Clock
from porch.accounts import Role
from porch.certificates import trusted
from porch.doors import Doors
from porch.guard import Day, route, session_of
from porch.pages import Pages, qr_of
from porch.problems import Problem
from porch.sessions import BORROWED, Session

YEAR = timedelta(days=364)  # both days are lived in
TOGETHER, LABEL_MAX = 8, 50
STAGES = (
    Stage.INVITED,
    Stage.BOUND,
    Stage.NOTICED,
    Stage.IDENTIFIED,
    Stage.REGISTERED,
)


class NewLease(BaseModel):
    """A lease as its landlord fills it in; both dates are lived in."""

    label: str = Field(min_length=1, max_length=500)
    start: Day
    end: Day

    @property
    def labels(self) -> list[str]:
        """Return whom it is for, one a line; raise Problem where that is too many."""
        found = [each.strip() for each in self.label.splitlines() if each.strip()]
        if not 0 < len(found) <= TOGETHER or max(map(len, found)) > LABEL_MAX:
            raise Problem(422, "labels", "Name one to eight tenants, one a line.")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePages:
    """The landlord's leases; each page checks that the house is his."""

    pages: Pages
    doors: Doors
    address: str
    settings: LodgeSettings
    houses: Houses
    leases: Leases
    invitations: Invitations
    deliveries: Deliveries
    ekeys: EKeys
    letting: Letting
    enrolment: Enrolment
    prolonging: Prolonging
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
            day_over(told.end, found.time_zone),
        )
        first, *others = told.labels
        if others and window[1] <= self.clock.now():
            raise WindowWrong("a lease that is over is for nobody to move in")
        lease, token = await self.letting.let((house, room), doors, first, window)
        if not others:
            return await self._lease(request, lease, token)
        made = [await self._made(lease, token, first)]
        for label in others:
            beside, token = await self.letting.add_co_tenant(lease, doors, label)
            made.append(await self._made(beside, token, label))
        known = trusted(self.settings.web.certificate)
        context = {**await place(self.houses, lease), "made": made, "trusted": known}
        return self.pages.show(request, "leases_new.html", context)

    @route("GET", "/landlord/leases/{lease}", Role.LANDLORD)
    async def lease(self, request: Request, lease: LeaseId) -> Response:
        """Show how far a tenant has come."""
        return await self._lease(request, await self.own(request, lease))

    @route("GET", "/landlord/leases/{lease}/progress", Role.LANDLORD)
    async def progress(self, request: Request, lease: LeaseId) -> Response:
        """Show the progress alone, to be put into an open page."""
        found = await self.own(request, lease)
        context = await self.context(found)
        return self.pages.show(request, "progress.html", context)

    @route("POST", "/landlord/leases/{lease}/invite", Role.LANDLORD)
    async def invite(self, request: Request, lease: LeaseId) -> Response:
        """Make a new link; the old one is dead."""
        found = await self.own(request, lease)
        token = await self.letting.invite_again(found)
        return await self._lease(request, found, token)

    @route("POST", "/landlord/leases/{lease}/here", Role.LANDLORD)
    async def here(self, request: Request, lease: LeaseId) -> Response:
        """Hand this phone to a tenant who has none; the landlord is signed out."""
        found = await self.own(request, lease)
        found = await self.letting.bind_here(found)
        ended = Response()
        await self.doors.sessions.end(request, ended)
        await self.doors.sessions.end_all(found.id)
        return await self.doors.enter(request, Session(Role.TENANT, found.id), BORROWED)

    @route("POST", "/landlord/leases/{lease}/confirm", Role.LANDLORD)
    async def confirm(
        self,
        request: Request,
        lease: LeaseId,
        last_four: Annotated[str, Form(min_length=4, max_length=4)],
        seen: Annotated[bool, Form()],
        claim: Annotated[int, Form(ge=0, lt=2**31)],
    ) -> Response:
        """Register the person whom the landlord has before him, as he was shown him."""
        found = await self.own(request, lease)
        if not seen:
            raise Problem(422, "seen", "Confirm only whom you have before you.")
        by = session_of(request).subject
        doors = await self.building.doors_of(found.house, found.room)
        shown = replace(found, claim=claim)
        await self.enrolment.enrol(shown, doors, last_four, by)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("POST", "/landlord/leases/{lease}/co-tenant", Role.LANDLORD)
    async def add_co_tenant(
        self,
        request: Request,
        lease: LeaseId,
        label: Annotated[str, Form(min_length=1, max_length=50)],
    ) -> Response:
        """Let somebody move in beside the tenant, with a link and key of his own."""
        found = await self.own(request, lease)
        doors = await self.building.doors_of(found.house, found.room)
        made, token = await self.letting.add_co_tenant(found, doors, label.strip())
        return await self._lease(request, made, token)

    async def _lease(self, request: Request, lease: Lease, token: str = "") -> Response:
        context = await self.context(lease)
        link = f"{self.address}/t#{token}" if token else ""
        invitation = await self.invitations.of(lease.id)
        svg = qr_of(link) if link else ""
        known = trusted(self.settings.web.certificate)
        told = {"trusted": known, "link": link, "qr": svg, "invitation": invitation}
        return self.pages.show(request, "lease.html", {**context, **told})

    async def _made(self, lease: Lease, token: str, label: str) -> dict[str, str]:
        """Return what one of several tenants is told, to be shown once."""
        link = f"{self.address}/t#{token}"
        invitation = await self.invitations.of(lease.id)
        code, number = (invitation.code, invitation.number) if invitation else ("", "")
        told = {"link": link, "qr": qr_of(link), "code": code, "number": number}
        return {"label": label, "lease": lease.id, **told}

    async def context(self, lease: Lease) -> dict[str, Any]:
        """Return what pages about a lease show."""
        rooms = await self.houses.rooms(lease.house)
        zone = ZoneInfo((await self.houses.house(lease.house)).time_zone)
        last_day = (lease.ends - MOMENT).astimezone(zone).date()
        today = self.clock.now().astimezone(zone).date()
        held = self.ekeys.held(lease.tenant)
        return {
            "lease": lease,
            "label": await self._label(lease),
            "room": next(each for each in rooms if each.id == lease.room),
            "stages": STAGES,
            "last_day": lease.ends - MOMENT,
            "beside": [
                (each, await self._label(each))
                for each in await self.prolonging.beside(lease)
            ],
            "later": max(last_day + timedelta(days=1), today),
            "year": YEAR,
            "awaits": awaits_person(lease),
            "claimed": await self.leases.claimed(lease)
            if awaits_person(lease)
            else None,
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
            "back": self.letting.may_come_back(lease),
            "hand": await self.letting.may_hand_over(lease),
        }

    async def _label(self, lease: Lease) -> str:
        return "" if lease.stage is Stage.ERASED else await self.leases.label(lease)

    async def own(self, request: Request, lease: LeaseId) -> Lease:
        """Return a lease of the landlord who asks."""
        found = await self.leases.find(lease)
        await own(self.houses, request, found.house)
        return found


def day_over(day: date, zone: str) -> datetime:
    """Return the instant at which a house's day is over."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
