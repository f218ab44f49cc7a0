"""A tenant's document: its picture, a card reader, a passport's lines, or typed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import File, Form, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from devices.ports import Houses
from enrolment.model.documents import (
    CardStep,
    DocumentKind,
    Evidence,
    Fault,
    Part,
    Person,
)
from enrolment.model.errors import DocumentExpired
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.ports import Leases
from enrolment.rules.days import day_here
from enrolment.rules.documents import normal_name, private, tells_birth
from enrolment.rules.mrz import MrzUnusable, other_name, with_lines
from enrolment.rules.mrz import read as read_lines
from enrolment.rules.names import latin
from enrolment.service.cards import UNDER_WAY, CardReadings
from enrolment.service.enrolment import Enrolment
from enrolment.service.shown_documents import ShownDocuments
from gateway.web.notice import Notice
from gateway.web.own import PICTURE_MAX, on, own_lease, place
from ledger.clock import Clock
from porch.accounts import Role
from porch.guard import PICTURES, route
from porch.pages import Pages

KINDS = tuple(DocumentKind)


class DocumentForm(BaseModel):
    """What a tenant says of his document.

    `birth` where the number tells none, `lines` from a passport's foot, `latin` where
    the name is in other letters (`compared` with the lines); `guardian` declares for a
    child, and below fourteen consents. How long a name may be is `normal_name`'s to
    say: here a letter may be several characters yet.
    """

    name: str = Field(max_length=200)
    kind: DocumentKind
    number: str = Field(max_length=30)
    birth: str = Field("", max_length=10)
    lines: str = Field("", max_length=400)
    latin: str = Field("", max_length=121)
    guardian: str = Field("", max_length=200)
    guardian_consents: bool = False
    compared: bool = False

    @property
    def named(self) -> bool:
        """Whether the name can be one."""
        return normal_name(self.name) is not None

    @property
    def person(self) -> Person:
        """Whom he names; a name that cannot be one is as he typed it."""
        guardian = normal_name(self.guardian) or ""
        name = normal_name(self.name) or self.name
        return Person(
            name,
            self.kind,
            self.number,
            self.born,
            guardian=guardian,
            latin=latin(self.latin) or self.latin.strip(),
        )

    @property
    def born(self) -> date | None:
        """The birth date; None where it is none: it is asked for where it is needed."""
        try:
            return date.fromisoformat(self.birth)
        except ValueError:
            return None


def filled(
    entered: Person | None, fault: str = "", told: DocumentForm | None = None
) -> dict[str, Any]:
    """Return what the fields of a claim are filled in with."""
    derived = "" if entered is None else latin(entered.name)
    apart = entered is not None and entered.latin not in {"", derived}
    asked = entered is not None and entered.birth and not tells_birth(entered)
    return {
        "kinds": KINDS,
        "entered": entered,
        "fault": fault,
        "latin": apart or fault == Fault.NO_LATIN.value,
        "birth": asked or fault == Fault.NO_BIRTH.value,
        "compared": fault == Fault.OTHER_NAME.value or bool(told and told.compared),
        "consents": bool(told and told.guardian_consents),
        "unsure": set(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPages:
    """The step where a tenant says who he is; nothing is sent unseen."""

    pages: Pages
    terms: Notice
    houses: Houses
    leases: Leases
    enrolment: Enrolment
    shown: ShownDocuments
    card_readings: CardReadings
    clock: Clock

    @route("POST", "/tenant/identify", Role.TENANT)
    async def identify(
        self, request: Request, told: Annotated[DocumentForm, Form()]
    ) -> Response:
        """Take name, document number, and what the number does not tell."""
        lease = await own_lease(self.leases, request)
        if not told.named:
            fault = "private" if private(told.name) else "name"
            return await self.show(
                request, lease, entered=told.person, fault=fault, told=told
            )
        today, lines = day_here(self.clock.now()), told.lines
        person = with_lines(told.person, lines, today)
        if not told.compared and other_name(person, lines, today):
            fault = Fault.OTHER_NAME.value
            return await self.show(
                request, lease, entered=person, fault=fault, told=told
            )
        consent = self.terms.version if told.guardian_consents else ""
        person, source = self.shown.source(lease, person)
        lease, found = await self.enrolment.identify(lease, person, source, consent)
        if found.fault is not None:
            fault = found.fault.value
            return await self.show(
                request, lease, entered=person, fault=fault, told=told
            )
        return on()

    @route("POST", "/tenant/read", Role.TENANT, body=PICTURES)
    async def read(
        self, request: Request, document: Annotated[UploadFile, File()]
    ) -> Response:
        """Read a document's picture into the form, to be compared and sent."""
        lease = await own_lease(self.leases, request)
        picture = await document.read(PICTURE_MAX + 1)
        try:
            found = await self.shown.read(lease, picture)
        except DocumentExpired:
            return await self.show(request, lease, fault=Fault.EXPIRED.value)
        if found is None:
            return await self.show(request, lease, unread=True)
        return await self.show(
            request,
            lease,
            entered=found.person,
            read=True,
            unsure=found.unsure,
            lines=found.lines,
        )

    @route("POST", "/tenant/passport", Role.TENANT)
    async def passport(
        self, request: Request, lines: Annotated[str, Form(max_length=400)]
    ) -> Response:
        """Read a passport's lines into the form, to be compared and sent."""
        lease = await own_lease(self.leases, request)
        try:
            found = read_lines(lines, day_here(self.clock.now()))
        except MrzUnusable as error:
            fault = error.fault.value
            return await self.show(
                request, lease, fault=fault, reading=True, lines=lines
            )
        unsure = set() if found.sure else {Part.NUMBER}
        return await self.show(
            request, lease, entered=found.person, read=True, unsure=unsure, lines=lines
        )

    @route("POST", "/tenant/card", Role.TENANT)
    async def ask_for_card(self, request: Request) -> Response:
        """Give the tenant the ID-card reader for a while."""
        self.card_readings.ask(await own_lease(self.leases, request))
        return on()

    @route("GET", "/tenant/card", Role.TENANT)
    async def card(self, request: Request, step: CardStep | None = None) -> Response:
        """Show how far his card's reading is, alone; nothing where it is as shown.

        A screen reader then says each step once.
        """
        lease = await own_lease(self.leases, request)
        turn = self.card_readings.of(lease)
        if turn is not None and turn.step is step:
            return Response(status_code=204)
        context = {"turn": turn, "under_way": UNDER_WAY}
        return self.pages.show(request, "tenant_card.html", context)

    @route("POST", "/tenant/card/take", Role.TENANT)
    async def take_card(self, request: Request) -> Response:
        """Take what the card said as his document."""
        lease = await own_lease(self.leases, request)
        person = self.card_readings.take(lease)
        self.shown.said(lease, person, Evidence.CHIP)
        lease, found = await self.enrolment.identify(lease, person, Evidence.CHIP)
        if found.fault is not None:
            fault = found.fault.value
            return await self.show(request, lease, entered=person, fault=fault)
        return on()

    @route("GET", "/tenant/identify", Role.TENANT)
    async def correct(self, request: Request) -> Response:
        """Let him correct name and number; what was scanned is then scanned anew."""
        lease = await own_lease(self.leases, request)
        if lease.stage is not Stage.IDENTIFIED:
            return on()
        entered = await self.leases.claimed(lease)
        return await self.show(request, lease, entered=entered)

    async def show(  # noqa: PLR0913 - each is said by its name
        self,
        request: Request,
        lease: Lease,
        *,
        entered: Person | None = None,
        fault: str = "",
        reading: bool = False,
        read: bool = False,
        unread: bool = False,
        unsure: Collection[Part] = (),
        lines: str = "",
        told: DocumentForm | None = None,
    ) -> Response:
        """Show the form, filled in with what was `entered`, `told` or read so far."""
        context: dict[str, Any] = {
            **await place(self.houses, lease),
            **filled(entered, fault, told),
            "reader": self.card_readings.there,
            "turn": self.card_readings.of(lease),
            "under_way": UNDER_WAY,
            "scan": lease.path is FacePath.SCAN,
            "reading": reading,
            "read": read,
            "unread": unread,
            "unsure": {each.value for each in unsure},
            "lines": told.lines if told else lines,
        }
        status = 422 if fault or unread else 200
        return self.pages.show(request, "tenant_identify.html", context, status=status)
