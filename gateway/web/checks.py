"""A tenant's name and number, checked by the state's channel or at the counter."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from devices.ports import Houses
from enrolment.model.documents import OutsideAnswer
from enrolment.ports import Leases
from enrolment.service.checking import Checking
from gateway.web.own import on, own_lease, place
from porch.accounts import Role
from porch.guard import route
from porch.pages import Pages

Code = Annotated[str, Form(max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPages:
    """What a tenant who is checked outside goes through."""

    pages: Pages
    houses: Houses
    leases: Leases
    state_checking: Checking
    counter: Checking

    @route("POST", "/tenant/state", Role.TENANT)
    async def check(self, request: Request, code: Code) -> Response:
        """Ask the state's channel with the code that his own app gave him."""
        return await self._ask(request, self.state_checking, code, "tenant_state.html")

    @route("GET", "/tenant/counter", Role.TENANT)
    async def at_counter(self, request: Request) -> Response:
        """Ask for the code that an officer gave him at the counter."""
        lease = await own_lease(self.leases, request)
        context = {**await place(self.houses, lease), "answer": None}
        return self.pages.show(request, "tenant_counter.html", context)

    @route("POST", "/tenant/counter", Role.TENANT)
    async def seen(self, request: Request, code: Code) -> Response:
        """Ask the station whether an officer saw him, with the code he was given."""
        return await self._ask(request, self.counter, code, "tenant_counter.html")

    async def _ask(
        self, request: Request, asked: Checking, code: str, page: str
    ) -> Response:
        lease = await own_lease(self.leases, request)
        lease, answer = await asked.check(lease, code)
        if answer is OutsideAnswer.MATCH:
            return on()
        found = await place(self.houses, lease)
        context = {**found, "channel": asked.channel, "answer": answer}
        return self.pages.show(request, page, context, status=422)
