"""A tenant's way through: link, notice, and the step that is next; then his key."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from cloud_sync.model import SETTLED
from cloud_sync.ports import Deliveries
from devices.model.keys import EKey
from devices.ports import Houses, Journal
from devices.rules.keys import openers
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.ekeys import EKeys
from enrolment.model.consents import ConsentKind
from enrolment.model.errors import CodeWrong, LinkDead, OutOfTurn
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.ports import Consents, Leases, Register
from enrolment.rules.leases import CODE_TRIES, moves_in
from enrolment.rules.paths import offered
from enrolment.rules.standing import awaits_person, evidence, may_send, was_there
from enrolment.rules.terms import BY_LAW
from enrolment.service.checking import Checking
from enrolment.service.door_faces import DoorFaces
from enrolment.service.enrolment import Enrolment
from enrolment.service.letting import Letting
from enrolment.service.opting_in import OptingIn
from enrolment.service.shown_documents import ShownDocuments
from gateway.web.document import DocumentPages
from gateway.web.known import source_of as said_by
from gateway.web.notice import Notice
from gateway.web.own import on, openings, own_lease, place
from gateway.web.scanning import scan_context
from ledger.attempts import Attempts
from ledger.clock import Clock
from porch.accounts import SOURCE, Role
from porch.doors import Doors
from porch.guard import route, source_of
from porch.pages import Pages
from porch.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPages:
    """The tenant's pages; his session is about one lease and nothing else."""

    pages: Pages
    terms: Notice
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
    shown: ShownDocuments
    opting_in: OptingIn
    documents: DocumentPages
    state_checking: Checking
    door_faces: DoorFaces
    counter: Checking
    building: Building
    asking: Asking
    clock: Clock

    @route("GET", "/t")
    async def link(self, request: Request) -> Response:
        """Ask for the spoken code; opening the link changes nothing.

        Who came by the code at the door, or without JavaScript, types its number.
        """
        return self._link(request)

    @route("POST", "/t")
    async def bind(
        self,
        request: Request,
        code: Annotated[str, Form(min_length=1, max_length=10)],
        token: Annotated[str, Form(max_length=100)] = "",
        number: Annotated[str, Form(max_length=20)] = "",
        phone: Annotated[str, Form(max_length=50)] = "",
    ) -> Response:
        """Bind the link to this phone by the code that the landlord said."""
        counted = (f"link/source/{source_of(request)}", SOURCE)
        self.attempts.count(counted)
        bind = self.letting.bind if token else self.letting.bind_numbered
        # Eight digits can be guessed: whether a link has them is not told.
        known = () if token else (LinkDead,)
        try:
            lease = await bind(token or number, code, phone)
        except (CodeWrong, *known):
            return self._link(request, token, number, phone, status=403)
        self.attempts.good(counted)
        await self.doors.sessions.end_all(lease.id)
        return await self.doors.enter(request, Session(Role.TENANT, lease.id))

    def _link(
        self,
        request: Request,
        token: str = "",
        number: str = "",
        phone: str = "",
        *,
        status: int = 200,
    ) -> Response:
        page = phone or secrets.token_urlsafe()
        told = {"token": token, "number": number, "phone": page, "tries": CODE_TRIES}
        wrong = {"wrong": bool(token or number)}
        return self.pages.show(request, "link.html", told | wrong, status=status)

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
        """Take note of the notice, and choose how he is checked."""
        if path is FacePath.STATE and not self.state_checking.there:
            raise OutOfTurn("this box has no such way")
        lease = await self.enrolment.read_notice(
            await own_lease(self.leases, request), self.terms.version
        )
        await self.enrolment.choose(lease, path, self.terms.version)
        return on()

    async def _show(self, request: Request, lease: Lease) -> Response:
        page = self._page(lease)
        if page == "tenant_identify.html":
            return await self.documents.show(request, lease)
        context = await self._context(lease)
        if page == "tenant_done.html":
            context |= await self._done(lease)
        if page in {"tenant_review.html", "tenant_wait.html"}:
            context |= await self._review(lease)
        if page == "tenant_left.html":
            context |= await self._told(lease)
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
        if may_send(lease):
            return "tenant_review.html"
        if lease.path is FacePath.STATE:
            return "tenant_state.html"
        waits = awaits_person(lease)
        return "tenant_wait.html" if waits else "tenant_faces.html"

    async def _review(self, lease: Lease) -> dict[str, Any]:
        """Return what will be sent, to be looked at before it is."""
        person = await self.leases.claimed(lease)
        return {
            "person": person,
            "source": said_by(person),
            "foreign": person.kind in BY_LAW,
            "evidence": evidence(lease),
            "moment": timedelta(seconds=1),
            "moves_in": moves_in(lease, self.clock.now()),
            "looks": was_there(lease)
            and any(
                self.door_faces.offered(door)
                for door in await self.building.doors_of(lease.house, lease.room)
            ),
        }

    async def _context(self, lease: Lease) -> dict[str, Any]:
        return {
            **await place(self.houses, lease),
            **scan_context(self.enrolment, self.shown, lease),
            "scan": lease.path is FacePath.SCAN,
            "doubt": lease.face is FaceVerdict.DOUBT,
            "channel": self.state_checking.channel,
            "counter": self.counter.there,
            "answer": None,
            "days": self.terms.days,
            "station": self.terms.station,
            "ways": offered(
                state=self.state_checking.there,
                faces=self.enrolment.switch.off() is None,
            ),
        }

    def _phone_ends(self, key: EKey) -> datetime | None:
        """Return the phone's last day where it is before the key's."""
        until = self.ekeys.keys.phone_until(key.id)
        early = until is not None and until < key.ends
        return until - timedelta(seconds=1) if until and early else None

    async def _done(self, lease: Lease) -> dict[str, Any]:
        person, now = await self.leases.claimed(lease), self.clock.now()
        registered = await self.register.latest(lease.registration)
        held, key = self.ekeys.held(lease.tenant), self.ekeys.keys.key(lease.key)
        doors = [await self.houses.door(each) for each in sorted(key.doors)]
        consent = await self.consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR)
        asked = await self.asking.of(lease.tenant)
        return {
            "person": person,
            "evidence": registered.evidence,
            "keys": [
                (each, given[0], await self.ekeys.pin(each))
                for each, given in held
                if given
            ],
            "key": key,
            "openers": [
                (door, openers(self.ekeys.keys.at_door(door.id), key, now))
                for door in doors
            ],
            "consent": consent,
            "looks": await self.opting_in.offered(lease),
            "unseen": await self.opting_in.waits(lease),
            "phone": self._phone_ends(key),
            "otherwise": self.ekeys.keys.stands_otherwise(key),
            "waiting": sum(
                each.answer is None and now < each.expires for each in asked
            ),
            "papers": [e for e in asked if e.paper and now < e.expires],
            "moment": timedelta(seconds=1),
            "events": await openings(self.ekeys.keys, self.journal, lease),
            **await self._told(lease),
        }

    async def _told(self, lease: Lease) -> dict[str, Any]:
        """Return what the police station was told, and whether it has the latest."""
        found = await self.deliveries.of(lease.tenant)
        count = await self.register.versions(lease.tenant)
        last = [each for each in found if each.version == count]
        told = bool(last) and last[-1].state in SETTLED
        return {"deliveries": found, "versions": count, "told": told}
