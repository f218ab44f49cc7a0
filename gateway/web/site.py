"""The box's web application, put together from its rooms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from cloud_sync.ports import Deliveries
from devices.ports import Houses, Journal, KeyRing, Tasks
from devices.service.access import Access
from devices.service.alarms import Alarms
from devices.service.announcing import Announcing
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.cards import Cards
from devices.service.credentials import Credentials
from devices.service.ekeys import EKeys
from devices.service.firmware import Firmware
from devices.service.locks import Locks
from devices.service.replacing import Replacing
from devices.service.showing import Showing
from devices.service.watching import Watching
from enrolment.ports import (
    Consents,
    Invitations,
    Leases,
    Register,
    RightsBook,
)
from enrolment.service.cards import CardReadings
from enrolment.service.checking import Checking
from enrolment.service.correcting import Correcting
from enrolment.service.door_faces import DoorFaces
from enrolment.service.enrolment import Enrolment
from enrolment.service.farewells import Farewells
from enrolment.service.letting import Letting
from enrolment.service.moving_out import MovingOut
from enrolment.service.opting_in import OptingIn
from enrolment.service.papers import Papers
from enrolment.service.prolonging import Prolonging
from enrolment.service.rights import Rights
from enrolment.service.scanning import Scanning
from enrolment.service.shown_documents import ShownDocuments
from gateway.settings import LodgeSettings
from gateway.web.checks import CheckPages
from gateway.web.correcting import CorrectionPages
from gateway.web.document import DocumentPages
from gateway.web.doors import DoorPages
from gateway.web.ending import EndingPages
from gateway.web.export import Sign
from gateway.web.failures import FAILURES
from gateway.web.farewell import FarewellPages
from gateway.web.keys import KeyPages
from gateway.web.landlord import LandlordPages, Stations
from gateway.web.letting import LeasePages
from gateway.web.notice import notice
from gateway.web.residence import ResidencePages
from gateway.web.rights import RightsPages
from gateway.web.scanning import ScanPages
from gateway.web.tenant import TenantPages
from ledger.attempts import Attempts
from ledger.clock import Clock
from porch.accounts import Accounts, Role
from porch.app import application
from porch.certificates import own_authority, trusted
from porch.doors import Doors
from porch.guard import route, router_of
from porch.pages import HERE as PORCH
from porch.pages import Pages
from porch.passkey_doors import PasskeyDoors
from porch.passkeys import Passkeys
from porch.sessions import Sessions
from porch.words import Words

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the pages stand on."""

    settings: LodgeSettings
    accounts: Accounts
    passkeys: Passkeys
    attempts: Attempts
    sessions: Sessions
    houses: Houses
    tasks: Tasks
    leases: Leases
    invitations: Invitations
    consents: Consents
    deliveries: Deliveries
    keys: KeyRing
    locks: Locks
    access: Access
    asking: Asking
    showing: Showing
    cards: Cards
    watching: Watching
    alarms: Alarms
    ekeys: EKeys
    credentials: Credentials
    journal: Journal
    building: Building
    announcing: Announcing
    replacing: Replacing
    letting: Letting
    enrolment: Enrolment
    shown: ShownDocuments
    opting_in: OptingIn
    scanning: Scanning
    state_checking: Checking
    counter: Checking
    door_faces: DoorFaces
    rights: Rights
    correcting: Correcting
    rights_book: RightsBook
    farewells: Farewells
    identity: Mapping[str, str]
    sign: Sign
    register: Register
    card_readings: CardReadings
    moving_out: MovingOut
    prolonging: Prolonging
    papers: Papers
    clock: Clock
    firmware: Firmware | None
    stations: Stations
    ailments: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Front:
    """The start, and how the box is."""

    ailments: Callable[[], list[str]]
    pages: Pages
    certificate_path: Path | None

    @route("GET", "/")
    async def start(self, request: Request) -> Response:
        """Send everyone to where he is at home."""
        session = request.state.session
        home = HOMES[session.role] if session else "/sign-in"
        return RedirectResponse(home, status_code=303)

    @route("GET", "/trust")
    async def trust(self, request: Request) -> Response:
        """Show how a phone comes to trust this box's own authority."""
        told = {"own": self._authority() is not None}
        return self.pages.show(request, "trust.html", told)

    @route("GET", "/trust/lodge.crt")
    async def certificate(self) -> Response:
        """Give the box's own authority to a phone (DER)."""
        found = self._authority()
        if found is None:
            raise HTTPException(404)
        return Response(found, media_type="application/x-x509-ca-cert")

    def _authority(self) -> bytes | None:
        """Return the authority's certificate where it is the box's own."""
        path = self.certificate_path
        if path is None or trusted(path):
            return None
        return own_authority(path)

    @route("GET", "/healthz", listed=True)
    async def healthz(self) -> Response:
        """Answer 200 when the box does its work, 503 with the reasons when not."""
        reasons = self.ailments()
        told = {"ok": not reasons, "reasons": reasons}
        return JSONResponse(told, status_code=503 if reasons else 200)


HOMES: Mapping[Role, str] = {Role.LANDLORD: "/landlord", Role.TENANT: "/tenant"}


def words() -> Words:
    """Read the words of the box's pages."""
    return Words.load(PORCH / "locale", HERE / "locale")


def site(rooms: Rooms) -> FastAPI:
    """Return the box's web application."""
    pages = Pages(HERE / "pages", words(), rooms.passkeys.offered)
    app = application(pages, rooms.sessions, "Lodge", FAILURES, rooms.settings.web)
    doors = _with(Doors, rooms, pages=pages, homes=HOMES)
    settings = rooms.settings
    terms = notice(settings.retention.after_departure, settings.station)
    documents = _with(DocumentPages, rooms, pages=pages, terms=terms)
    address = rooms.settings.web.address
    lease_pages = _with(LeasePages, rooms, pages=pages, address=address, doors=doors)
    for room in (
        Front(rooms.ailments, pages, settings.web.certificate),
        doors,
        _with(PasskeyDoors, rooms, pages=pages, doors=doors),
        _with(LandlordPages, rooms, pages=pages),
        lease_pages,
        _with(EndingPages, rooms, pages=pages, kept=lease_pages),
        _with(DoorPages, rooms, pages=pages),
        _with(KeyPages, rooms, pages=pages),
        documents,
        _with(
            TenantPages,
            rooms,
            pages=pages,
            doors=doors,
            documents=documents,
            terms=terms,
        ),
        _with(ScanPages, rooms, pages=pages, terms=terms),
        _with(CheckPages, rooms, pages=pages),
        _with(RightsPages, rooms, pages=pages),
        _with(CorrectionPages, rooms, pages=pages, terms=terms),
        _with(FarewellPages, rooms, pages=pages, doors=doors),
        _with(ResidencePages, rooms, pages=pages),
    ):
        app.include_router(router_of(room))
    return app


def _with(kind: type[Any], rooms: Rooms, **more: Any) -> Any:
    """Make the pages of one audience, with what they ask for by name."""
    names = {each.name for each in fields(kind)} - more.keys()
    return kind(**{name: getattr(rooms, name) for name in names}, **more)
