"""A correction of what is registered: said by the tenant, granted by his landlord."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from devices.ports import Houses
from enrolment.model.documents import Person
from enrolment.model.leases import NAMED
from enrolment.model.rights import RequestId
from enrolment.ports import Leases, RightsBook
from enrolment.service.correcting import Correcting
from gateway.web.document import DocumentForm, filled
from gateway.web.landlord import own
from gateway.web.notice import Notice
from gateway.web.own import on, own_lease
from porch.accounts import Role
from porch.guard import route, session_of
from porch.pages import Pages
from porch.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionPages:
    """Where a tenant says what is right, and his landlord compares the original."""

    pages: Pages
    terms: Notice
    houses: Houses
    leases: Leases
    correcting: Correcting
    rights_book: RightsBook

    @route("GET", "/tenant/correct", Role.TENANT)
    async def correct(self, request: Request) -> Response:
        """Show what is registered, to be put right."""
        lease = await own_lease(self.leases, request)
        if lease.stage not in NAMED:
            return on()
        return self._show(request, await self.leases.claimed(lease))

    @route("POST", "/tenant/correct", Role.TENANT)
    async def propose(
        self, request: Request, told: Annotated[DocumentForm, Form()]
    ) -> Response:
        """Take what is right; nothing is sent before the landlord has compared it."""
        lease = await own_lease(self.leases, request)
        if not told.named:
            return self._show(request, told.person, "name", told)
        consent = self.terms.version if told.guardian_consents else ""
        found = await self.correcting.propose(lease, told.person, consent)
        if found.fault is not None:
            return self._show(request, told.person, found.fault.value, told)
        return RedirectResponse("/tenant/data#requests", status_code=303)

    @route("POST", "/landlord/requests/{asked}/grant", Role.LANDLORD)
    async def grant(
        self,
        request: Request,
        asked: RequestId,
        last_four: Annotated[str, Form(min_length=4, max_length=4)],
        seen: Annotated[bool, Form()],
    ) -> Response:
        """Report the correction, with the original in the landlord's hand."""
        found = await self.rights_book.find(asked)
        lease = await self.leases.find(found.lease)
        await own(self.houses, request, lease.house)
        if not seen:
            raise Problem(422, "seen", "Confirm only whom you have before you.")
        by = session_of(request).subject
        await self.correcting.grant(found, last_four, by)
        return RedirectResponse("/landlord", status_code=303)

    def _show(
        self,
        request: Request,
        entered: Person,
        fault: str = "",
        told: DocumentForm | None = None,
    ) -> Response:
        context = filled(entered, fault, told)
        status = 422 if fault else 200
        return self.pages.show(request, "correct.html", context, status=status)
