"""How leases end, asked, agreed, by a paper or with the month; or how they go on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from devices.model.approvals import ApprovalKind, Paper
from devices.ports import Houses
from devices.service.asking import Asking
from devices.service.ekeys import DONE, EKeys
from enrolment.model.leases import ENDED, LeaseId, Stage
from enrolment.ports import Leases
from enrolment.rules.documents import normal_number
from enrolment.service.moving_out import MovingOut
from enrolment.service.papers import Papers
from enrolment.service.prolonging import Prolonging
from gateway.web.known import MOMENT
from gateway.web.letting import LeasePages, day_over
from ledger.clock import Clock
from porch.accounts import Role
from porch.guard import Day, route, session_of
from porch.pages import Pages
from porch.problems import Problem

MONTH = timedelta(days=31)
# An officer's code, with whatever is typed between its digits.
CODE = r"^\s*(\d[\s-]*){8}$"


class PaperForm(BaseModel):
    """An official paper as its reader types it in."""

    kind: ApprovalKind
    authority: str = Field(min_length=2, max_length=60)
    number: str = Field(min_length=5, max_length=30)
    code: str = Field(pattern=CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingPages:
    """The ends of a landlord's leases; each page checks that the house is his."""

    pages: Pages
    kept: LeasePages
    houses: Houses
    leases: Leases
    ekeys: EKeys
    asking: Asking
    moving_out: MovingOut
    prolonging: Prolonging
    papers: Papers
    clock: Clock

    @route("GET", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def ask_end(self, request: Request, lease: LeaseId) -> Response:
        """Ask once more before a lease is ended."""
        context = await self.kept.context(await self.kept.own(request, lease))
        context["frozen"] = await self.asking.ordered(ApprovalKind.FREEZE_KEY, lease)
        return self.pages.show(request, "lease_end.html", context)

    @route("POST", "/landlord/leases/{lease}/end", Role.LANDLORD)
    async def end(self, request: Request, lease: LeaseId) -> Response:
        """End the lease: key dead, departure reported.

        Before its last day the tenant has agreed, or an official paper stands in.
        """
        found, by = (
            await self.kept.own(request, lease),
            session_of(request).subject,
        )
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
        found, by = (
            await self.kept.own(request, lease),
            session_of(request).subject,
        )
        if kind is ApprovalKind.OPEN_DOOR:
            raise Problem(422, "kind", "Ask for a door on the door's own page.")
        await self.asking.ask(kind, lease, found.tenant, by)
        return RedirectResponse(f"/landlord/leases/{lease}/end", status_code=303)

    @route("POST", "/landlord/leases/{lease}/paper", Role.LANDLORD, fresh=True)
    async def paper(
        self, request: Request, lease: LeaseId, told: Annotated[PaperForm, Form()]
    ) -> Response:
        """Take a court's paper that an officer has seen; the tenant is told at once.

        What it orders may be done three days later.
        """
        found, by = (
            await self.kept.own(request, lease),
            session_of(request).subject,
        )
        if told.kind is ApprovalKind.OPEN_DOOR:
            raise Problem(422, "kind", "Ask for a door on the door's own page.")
        paper = Paper(told.authority.strip(), normal_number(told.number))
        await self.papers.show(found, told.kind, paper, told.code, by)
        return RedirectResponse(f"/landlord/leases/{lease}/end", status_code=303)

    @route("POST", "/landlord/leases/{lease}/freeze", Role.LANDLORD, fresh=True)
    async def freeze(self, request: Request, lease: LeaseId) -> Response:
        """Freeze the tenant's key, where a paper orders it by now."""
        found, by = (
            await self.kept.own(request, lease),
            session_of(request).subject,
        )
        agreed = await self.asking.ordered(ApprovalKind.FREEZE_KEY, lease)
        await self.ekeys.freeze(self.ekeys.keys.key(found.key), by, agreed=agreed)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

    @route("POST", "/landlord/leases/{lease}/prolong", Role.LANDLORD)
    async def prolong(
        self,
        request: Request,
        lease: LeaseId,
        end: Annotated[Day, Form()],
        others: Annotated[list[LeaseId] | None, Form(max_length=200)] = None,
    ) -> Response:
        """Let the lease, and those of the co-tenants who stay, go on for some days."""
        all_ = [lease, *dict.fromkeys(others or ())]
        leases = [await self.kept.own(request, each) for each in all_]
        house = await self.houses.house(leases[0].house)
        ends, by = day_over(end, house.time_zone), session_of(request).subject
        await self.prolonging.prolong(leases, ends, by)
        return RedirectResponse(f"/landlord/leases/{lease}", status_code=303)

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
            found = await self.kept.own(request, lease)
            agreed = await self.asking.granted(ApprovalKind.END_LEASE, lease)
            await self.moving_out.end(found, by, agreed=agreed)
        return RedirectResponse("/landlord/month-end", status_code=303)
