"""My data for tenants, and the landlord's own register, revealed on the record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from cloud_sync.ports import Deliveries
from devices.model.places import HouseId
from devices.ports import Houses, Journal, KeyRing
from enrolment.model.leases import NAMED, Lease, LeaseId, Stage
from enrolment.model.rights import RequestId, RequestKind
from enrolment.ports import Leases, RightsBook
from enrolment.rules.fields import changed
from enrolment.service.rights import Rights
from gateway.web.export import exported
from gateway.web.known import known
from gateway.web.landlord import own
from gateway.web.own import at_the_door, own_lease, place
from ledger.clock import Clock
from porch.accounts import Role
from porch.guard import route
from porch.pages import Pages


class Reveal(BaseModel):
    """Why a landlord opens his register, and for whom."""

    purpose: str = Field(min_length=2, max_length=100)


class Reply(BaseModel):
    """A landlord's answer to a request."""

    granted: bool
    text: str = Field(min_length=2, max_length=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsPages:
    """What people may know and ask, and what a landlord has to keep."""

    pages: Pages
    houses: Houses
    leases: Leases
    deliveries: Deliveries
    rights: Rights
    rights_book: RightsBook
    keys: KeyRing
    journal: Journal
    clock: Clock

    @route("GET", "/tenant/data", Role.TENANT)
    async def data(self, request: Request) -> Response:
        """Show a tenant everything that is known of him, and who was told."""
        lease = await own_lease(self.leases, request)
        told = await self._data(lease)
        more = {"fields": known(told), "moment": timedelta(seconds=1)}
        context = {**told, **more}
        return self.pages.show(request, "my_data.html", context)

    @route("GET", "/tenant/data.json", Role.TENANT)
    async def export(self, request: Request) -> JSONResponse:
        """Give a tenant his data as a file."""
        lease = await own_lease(self.leases, request)
        door = await at_the_door(self.keys, self.journal, lease)
        told = {**await self._data(lease), **door}
        headers = {
            "Content-Disposition": 'attachment; filename="my-data.json"',
            "Cache-Control": "no-store",
        }
        return JSONResponse(exported(told), headers=headers)

    @route("POST", "/tenant/requests", Role.TENANT)
    async def ask(
        self,
        request: Request,
        kind: Annotated[RequestKind, Form()],
        text: Annotated[str, Form(min_length=2, max_length=1000)],
    ) -> Response:
        """Take a tenant's request; its receipt shows on the page."""
        await self.rights.ask(await own_lease(self.leases, request), kind, text)
        return RedirectResponse("/tenant/data#requests", status_code=303)

    @route("GET", "/landlord/houses/{house}/register", Role.LANDLORD)
    async def register(self, request: Request, house: HouseId) -> Response:
        """Show for whom the register has an entry; what it says stays sealed."""
        return await self._register(request, house, {})

    @route("POST", "/landlord/houses/{house}/register", Role.LANDLORD, fresh=True)
    async def reveal(
        self, request: Request, house: HouseId, told: Annotated[Reveal, Form()]
    ) -> Response:
        """Open the register, as for an inspection; each tenant sees that and why."""
        found = await own(self.houses, request, house)
        shown = await self.rights.reveal(house, found.landlord.name, told.purpose)
        return await self._register(request, house, shown)

    @route("GET", "/landlord/requests/{asked}", Role.LANDLORD)
    async def request(self, request: Request, asked: RequestId) -> Response:
        """Show a tenant's request."""
        found = await self.rights_book.find(asked)
        lease = await self.leases.find(found.lease)
        await own(self.houses, request, lease.house)
        erased = lease.stage is Stage.ERASED
        label = "" if erased else await self.leases.label(lease)
        changes = []
        if found.proposed is not None and lease.stage in NAMED:
            changes = changed(await self.leases.claimed(lease), found.proposed)
        context = {"asked": found, "label": label, "changes": changes}
        return self.pages.show(request, "request.html", context)

    @route("POST", "/landlord/requests/{asked}", Role.LANDLORD)
    async def answer(
        self, request: Request, asked: RequestId, told: Annotated[Reply, Form()]
    ) -> Response:
        """Answer it; the tenant sees the answer at once."""
        found = await self.rights_book.find(asked)
        lease = await self.leases.find(found.lease)
        await own(self.houses, request, lease.house)
        await self.rights.answer(found, told.text.strip(), granted=told.granted)
        return RedirectResponse("/landlord", status_code=303)

    async def _register(
        self, request: Request, house: HouseId, shown: Mapping[LeaseId, Any]
    ) -> Response:
        found = await own(self.houses, request, house)
        rooms = {room.id: room.name for room in await self.houses.rooms(house)}
        held = await self.rights.registered(house)
        context = {
            "house": found,
            "entries": [
                (lease, rooms[lease.room], await self.leases.label(lease))
                for lease in held
            ],
            "shown": shown,
            "now": self.clock.now(),
            "moment": timedelta(seconds=1),
        }
        return self.pages.show(request, "register.html", context)

    async def _data(self, lease: Lease) -> dict[str, Any]:
        return {
            **await place(self.houses, lease),
            "data": await self.rights.data(lease),
            "deliveries": await self.deliveries.of(lease.tenant),
            "kinds": list(RequestKind),
        }
