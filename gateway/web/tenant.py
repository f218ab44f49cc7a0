"""A tenant's way through: link, notice, document, pictures, key."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from cloud_sync.ports import Deliveries
from devices.ports import Houses, Journal
from devices.service.asking import Asking
from devices.service.ekeys import EKeys
from enrolment.model.consents import ConsentKind
from enrolment.model.documents import CardStep, DocumentKind, Evidence, Fault, Person
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.ports import Consents, Leases, Register
from enrolment.rules.days import day_here
from enrolment.rules.documents import normal_name
from enrolment.rules.mrz import MrzUnusable, with_lines
from enrolment.rules.mrz import read as read_lines
from enrolment.service.cards import UNDER_WAY, CardReadings
from enrolment.service.enrolment import Enrolment
from enrolment.service.letting import Letting
from enrolment.service.scanning import Scanning
from gateway.web.notice import version
from gateway.web.own import own_lease, place
from gateway.web.scanning import scan_context
from ledger.clock import Clock
from porch.accounts import Attempts, Role
from porch.doors import Doors
from porch.guard import route
from porch.pages import Pages
from porch.sessions import Session

KINDS = tuple(DocumentKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPages:
    """The tenant's pages; his session is about one lease and nothing else."""

    pages: Pages
    doors: Doors
    attempts: Attempts
    houses: Houses
    leases: Leases
    consents: Consents
    deliveries: Deliveries
    register: Register
    ekeys: EKeys
    journal: Journal
    letting: Letting
    enrolment: Enrolment
    scanning: Scanning
    card_readings: CardReadings
    asking: Asking
    clock: Clock

    @route("GET", "/t")
    async def link(self, request: Request) -> Response:
        """Ask for the spoken code; opening the link changes nothing."""
        return self.pages.show(request, "link.html")

    @route("POST", "/t")
    async def bind(
        self,
        request: Request,
        token: Annotated[str, Form(min_length=1, max_length=100)],
        code: Annotated[str, Form(min_length=1, max_length=10)],
    ) -> Response:
        """Bind the link to this phone by the code that the landlord said."""
        host = request.client.host if request.client else ""
        self.attempts.count(f"link/{host}")
        lease = await self.letting.bind(token, code)
        self.attempts.clear(f"link/{host}")
        await self.doors.sessions.end_all(lease.id)
        return await self.doors.enter(request, Session(Role.TENANT, lease.id))

    @route("GET", "/tenant", Role.TENANT)
    async def home(self, request: Request) -> Response:
        """Show the step that is next."""
        return await self._show(request, await own_lease(self.leases, request))

    @route("GET", "/tenant/status", Role.TENANT)
    async def status(self, request: Request) -> Response:
        """Show the waiting or finished part alone; reload once the step has changed."""
        lease = await own_lease(self.leases, request)
        if lease.stage is Stage.IDENTIFIED:
            return Response(status_code=204)
        return Response(headers={"HX-Refresh": "true"})

    @route("POST", "/tenant/notice", Role.TENANT)
    async def notice(
        self, request: Request, path: Annotated[FacePath, Form()]
    ) -> Response:
        """Take note of the notice, and choose: a face scan, or a person looks."""
        lease = await self.enrolment.read_notice(
            await own_lease(self.leases, request), version()
        )
        await self.enrolment.choose(lease, path, version())
        return _on()

    @route("POST", "/tenant/identify", Role.TENANT)
    async def identify(
        self,
        request: Request,
        name: Annotated[str, Form(max_length=60)],
        kind: Annotated[DocumentKind, Form()],
        number: Annotated[str, Form(max_length=30)],
        lines: Annotated[str, Form(max_length=400)] = "",
        guardian: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        """Take name and document number.

        `lines` are those of a passport's foot; `guardian` declares for a child.
        """
        lease = await own_lease(self.leases, request)
        known = normal_name(name)
        if known is None:
            wrong = Person(name, kind, number)
            return await self._identify_again(request, lease, wrong, "name")
        declares = normal_name(guardian) or ""
        person = Person(known, kind, number, guardian=declares)
        person = with_lines(person, lines, day_here(self.clock.now()))
        lease, found = await self.enrolment.identify(lease, person)
        if found.fault is not None:
            fault = found.fault.value
            return await self._identify_again(request, lease, person, fault)
        return _on()

    @route("POST", "/tenant/passport", Role.TENANT)
    async def passport(
        self, request: Request, lines: Annotated[str, Form(max_length=400)]
    ) -> Response:
        """Read a passport's lines into the form, to be compared and sent."""
        lease = await own_lease(self.leases, request)
        context = {**await self._context(lease), "lines": lines}
        try:
            found = read_lines(lines, day_here(self.clock.now()))
        except MrzUnusable as error:
            told = {**context, "fault": error.fault.value, "reading": True}
            return self.pages.show(request, "tenant_identify.html", told, status=422)
        told = {**context, "entered": found.person, "read": True, "sure": found.sure}
        return self.pages.show(request, "tenant_identify.html", told)

    @route("POST", "/tenant/card", Role.TENANT)
    async def ask_for_card(self, request: Request) -> Response:
        """Give the tenant the ID-card reader for a while."""
        self.card_readings.ask(await own_lease(self.leases, request))
        return _on()

    @route("GET", "/tenant/card", Role.TENANT)
    async def card(self, request: Request, step: CardStep | None = None) -> Response:
        """Show how far his card's reading is, alone; nothing where it is as shown.

        A screen reader then says each step once.
        """
        lease = await own_lease(self.leases, request)
        turn = self.card_readings.of(lease)
        if turn is not None and turn.step is step:
            return Response(status_code=204)
        context = await self._context(lease)
        return self.pages.show(request, "tenant_card.html", context)

    @route("POST", "/tenant/card/take", Role.TENANT)
    async def take_card(self, request: Request) -> Response:
        """Take what the card said as his document."""
        lease = await own_lease(self.leases, request)
        person = self.card_readings.take(lease)
        lease, found = await self.enrolment.identify(lease, person, Evidence.CHIP)
        if found.fault is not None:
            fault = found.fault.value
            return await self._identify_again(request, lease, person, fault)
        return _on()

    @route("GET", "/tenant/identify", Role.TENANT)
    async def correct(self, request: Request) -> Response:
        """Let him correct name and number; what was scanned is then scanned anew."""
        lease = await own_lease(self.leases, request)
        if lease.stage is not Stage.IDENTIFIED:
            return _on()
        entered = await self.leases.claimed(lease)
        context = {**await self._context(lease), "entered": entered}
        return self.pages.show(request, "tenant_identify.html", context)

    async def _show(self, request: Request, lease: Lease) -> Response:
        context = await self._context(lease)
        page = self._page(lease)
        if page == "tenant_done.html":
            context |= await self._done(lease)
        if page in {"tenant_review.html", "tenant_wait.html"}:
            context |= await self._review(lease)
        return self.pages.show(request, page, context)

    def _page(self, lease: Lease) -> str:
        match lease.stage:
            case Stage.INVITED | Stage.BOUND:
                return "tenant_notice.html"
            case Stage.NOTICED if lease.path is FacePath.UNDECIDED:
                return "tenant_notice.html"
            case Stage.NOTICED:
                return "tenant_identify.html"
            case Stage.IDENTIFIED:
                return self._check(lease)
            case Stage.REGISTERED:
                return "tenant_done.html"
            case _:
                return "tenant_left.html"

    def _check(self, lease: Lease) -> str:
        if self.enrolment.may_send(lease):
            return "tenant_review.html"
        waits = self.enrolment.awaits_person(lease)
        return "tenant_wait.html" if waits else "tenant_faces.html"

    async def _review(self, lease: Lease) -> dict[str, Any]:
        """Return what will be sent, to be looked at before it is."""
        return {
            "person": await self.leases.claimed(lease),
            "evidence": self.enrolment.evidence(lease),
            "moment": timedelta(seconds=1),
        }

    async def _identify_again(
        self, request: Request, lease: Lease, entered: Person, fault: str
    ) -> Response:
        known = await self._context(lease)
        context = {**known, "fault": fault, "entered": entered}
        return self.pages.show(request, "tenant_identify.html", context, status=422)

    async def _context(self, lease: Lease) -> dict[str, Any]:
        return {
            **await place(self.houses, lease),
            "kinds": KINDS,
            "reader": self.card_readings.there,
            "turn": self.card_readings.of(lease),
            "under_way": UNDER_WAY,
            **scan_context(self.enrolment, self.scanning, lease),
            "scan": lease.path is FacePath.SCAN,
            "entered": None,
            "lines": "",
            "read": False,
            "sure": True,
            "reading": False,
            "faults": Fault,
            "doubt": lease.face is FaceVerdict.DOUBT,
        }

    async def _done(self, lease: Lease) -> dict[str, Any]:
        person, now = await self.leases.claimed(lease), self.clock.now()
        registered = await self.register.find(lease.registration, 1)
        held = self.ekeys.held(lease.tenant)
        consent = await self.consents.given(lease.tenant, ConsentKind.FACE_SCAN)
        return {
            "person": person,
            "evidence": registered.evidence,
            "keys": [
                (key, given[0], await self.ekeys.pin(key))
                for key, given in held
                if given
            ],
            "consent": consent,
            "waiting": sum(
                each.answer is None and now < each.expires
                for each in await self.asking.of(lease.tenant)
            ),
            "moment": timedelta(seconds=1),
            "events": await self.journal.of(lease.tenant),
            "deliveries": await self.deliveries.of(lease.tenant),
        }


def _on() -> Response:
    return RedirectResponse("/tenant", status_code=303)
