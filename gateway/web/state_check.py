"""A tenant's name and number, checked by the state's identity channel."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from devices.ports import Houses
from enrolment.model.documents import StateAnswer
from enrolment.ports import Leases
from enrolment.service.state_checking import StateChecking
from gateway.web.own import own_lease, place
from porch.accounts import Role
from porch.guard import route
from porch.pages import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePages:
    """What a tenant who chose the state's channel goes through."""

    pages: Pages
    houses: Houses
    leases: Leases
    state_checking: StateChecking

    @route("POST", "/tenant/state", Role.TENANT)
    async def check(
        self, request: Request, code: Annotated[str, Form(max_length=64)]
    ) -> Response:
        """Ask the state's channel with the code that his own app gave him."""
        lease = await own_lease(self.leases, request)
        lease, answer = await self.state_checking.check(lease, code)
        if answer is StateAnswer.MATCH:
            return RedirectResponse("/tenant", status_code=303)
        context = {
            **await place(self.houses, lease),
            "channel": self.state_checking.channel,
            "answer": answer,
        }
        return self.pages.show(request, "tenant_state.html", context, status=422)
