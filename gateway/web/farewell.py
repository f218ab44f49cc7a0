"""What somebody takes along when he has moved out, and how he comes back to ask."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from cloud_sync.ports import Deliveries
from devices.ports import Houses, Journal, KeyRing
from enrolment.model.errors import LinkDead, OutOfTurn
from enrolment.model.leases import ENDED, Lease
from enrolment.ports import Leases
from enrolment.service.farewells import Farewells
from enrolment.service.rights import Rights
from gateway.web.export import Sign, bundle
from gateway.web.own import at_the_door, own_lease, place
from ledger.attempts import Attempts
from ledger.clock import Clock
from porch.accounts import SOURCE, Role
from porch.doors import Doors
from porch.guard import route, source_of
from porch.pages import Pages
from porch.sessions import BORROWED, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FarewellPages:
    """The pages of whoever has moved out, with or without a session."""

    pages: Pages
    doors: Doors
    attempts: Attempts
    houses: Houses
    leases: Leases
    deliveries: Deliveries
    rights: Rights
    farewells: Farewells
    keys: KeyRing
    journal: Journal
    identity: Mapping[str, str]
    sign: Sign
    clock: Clock

    @route("GET", "/tenant/farewell", Role.TENANT)
    async def receipts(self, request: Request) -> Response:
        """Show his receipts as they are now, and let him take them along."""
        return await self._show(request, await own_lease(self.leases, request))

    @route("POST", "/tenant/farewell", Role.TENANT)
    async def farewell(self, request: Request) -> Response:
        """Give him a code by which he comes back; an earlier one is worth nothing."""
        lease = await own_lease(self.leases, request)
        code, given = await self.farewells.give(lease)
        where = str(request.url.replace(path="/ask", query=""))
        more = {"code": code, "until": given.until, "where": where}
        return await self._show(request, lease, more)

    async def _show(
        self, request: Request, lease: Lease, more: Mapping[str, Any] | None = None
    ) -> Response:
        if lease.stage not in ENDED:
            raise OutOfTurn("this comes when you have moved out")
        told = {
            **await place(self.houses, lease),
            **await at_the_door(self.keys, self.journal, lease),
            "data": await self.rights.data(lease),
            "deliveries": await self.deliveries.of(lease.tenant),
        }
        made = bundle(told, self.identity, self.clock.now(), self.sign)
        raw = json.dumps(made, ensure_ascii=False, indent=1).encode()
        file = base64.b64encode(raw).decode()
        context = {**told, "code": "", "bundle": made, "file": file, **(more or {})}
        return self.pages.show(request, "farewell.html", context)

    @route("GET", "/ask")
    async def ask(self, request: Request) -> Response:
        """Ask for the code that somebody took along."""
        return self.pages.show(request, "ask.html", {"wrong": False})

    @route("POST", "/ask")
    async def back(
        self, request: Request, code: Annotated[str, Form(max_length=40)]
    ) -> Response:
        """Let him in by his code: to what is left of him, and to his requests."""
        counted = (f"ask/source/{source_of(request)}", SOURCE)
        self.attempts.count(counted)
        try:
            lease = await self.farewells.back(code)
        except LinkDead:
            return self.pages.show(request, "ask.html", {"wrong": True}, status=422)
        self.attempts.good(counted)
        return await self.doors.enter(request, Session(Role.TENANT, lease.id), BORROWED)
