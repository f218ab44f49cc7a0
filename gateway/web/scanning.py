"""The face scan on a tenant's phone: document, live check, review, and off it goes."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import File, Form, Request, UploadFile
from starlette.responses import JSONResponse, RedirectResponse, Response

from devices.ports import Houses
from devices.service.building import Building
from enrolment.model.errors import OutOfTurn
from enrolment.model.faces import (
    Advice,
    ChallengeKind,
    FaceFault,
    FaceVerdict,
    Flaw,
)
from enrolment.model.leases import FacePath, Lease
from enrolment.ports import Leases
from enrolment.rules.liveness import KINDS
from enrolment.service.enrolment import Enrolment
from enrolment.service.opting_in import OptingIn
from enrolment.service.scanning import FRAMES_AT_ONCE, Progress, Scanning
from enrolment.service.shown_documents import ShownDocuments
from gateway.web.notice import Notice
from gateway.web.own import PICTURE_MAX, on, own_lease, place
from porch.accounts import Role
from porch.guard import PICTURES, route
from porch.pages import Pages

FRAME_MAX = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPages:
    """What a tenant who chose a face scan goes through; no picture is kept."""

    pages: Pages
    terms: Notice
    houses: Houses
    leases: Leases
    building: Building
    enrolment: Enrolment
    shown: ShownDocuments
    opting_in: OptingIn
    scanning: Scanning

    @route("POST", "/tenant/document", Role.TENANT, body=PICTURES)
    async def document(
        self, request: Request, document: Annotated[UploadFile, File()]
    ) -> Response:
        """Take the picture on his document, for the comparison alone."""
        lease = await own_lease(self.leases, request)
        picture = await document.read(PICTURE_MAX + 1)
        if fault := await self.shown.take(lease, picture):
            return await self._again(request, lease, "document", fault)
        return on()

    @route("POST", "/tenant/scan", Role.TENANT)
    async def begin(
        self,
        request: Request,
        declined: Annotated[list[ChallengeKind] | None, Form()] = None,
    ) -> JSONResponse:
        """Begin a try, without the kinds of challenge that he declined."""
        lease = await own_lease(self.leases, request)
        begun = await self.scanning.begin(lease, declined or [])
        return JSONResponse({"nonce": begun.nonce, "of": len(begun.asked)})

    @route("POST", "/tenant/scan/frames", Role.TENANT, body=PICTURES)
    async def frames(
        self,
        request: Request,
        nonce: Annotated[str, Form(max_length=64)],
        at: Annotated[list[float], Form(max_length=FRAMES_AT_ONCE)],
        frame: Annotated[list[UploadFile], File(max_length=FRAMES_AT_ONCE)],
    ) -> JSONResponse:
        """Take a few frames; say what to do next, or how it ended."""
        lease = await own_lease(self.leases, request)
        raw = [await each.read(FRAME_MAX + 1) for each in frame]
        if len(at) != len(raw) or any(len(each) > FRAME_MAX for each in raw):
            raise OutOfTurn("each frame comes with its time, and is half a megabyte")
        told = list(zip(at, raw, strict=True))
        _, progress = await self.scanning.take(lease, nonce, told)
        return JSONResponse(_told(progress))

    @route("POST", "/tenant/faces", Role.TENANT, body=PICTURES)
    async def faces(
        self,
        request: Request,
        live: Annotated[UploadFile, File()],
        document: Annotated[UploadFile, File()],
    ) -> Response:
        """Compare two stills; a person decides then, since stills show no life."""
        lease = await own_lease(self.leases, request)
        here, shown = [await each.read(PICTURE_MAX + 1) for each in (live, document)]
        await self.shown.check(lease, shown)
        lease, found = await self.enrolment.scan(lease, here, shown)
        if found.fault is not None:
            return await self._again(request, lease, found.at_fault, found.fault)
        if lease.face is FaceVerdict.DIFFERENT:
            return await self._again(request, lease)
        return on()

    @route("POST", "/tenant/send", Role.TENANT)
    async def send(
        self, request: Request, *, second_look: Annotated[bool, Form()] = False
    ) -> Response:
        """Take his word that all is right: he is registered, and his key works."""
        lease = await own_lease(self.leases, request)
        doors = await self.building.doors_of(lease.house, lease.room)
        await self.enrolment.send(
            lease, doors, self.terms.version if second_look else ""
        )
        return on()

    @route("GET", "/tenant/second-look", Role.TENANT)
    async def second_look(self, request: Request) -> Response:
        """Ask a resident whether he wants the look at the door; then scan him."""
        lease = await own_lease(self.leases, request)
        if not await self.opting_in.offered(lease):
            return on()
        if await self.opting_in.done(lease):
            return on()
        given = await self.opting_in.waits(lease)
        context = {**await place(self.houses, lease), **camera_context()}
        told = {**context, "given": given}
        return self.pages.show(request, "second_look.html", told)

    @route("POST", "/tenant/second-look", Role.TENANT)
    async def agree(self, request: Request) -> Response:
        """Take his consent, before anything is looked at."""
        lease = await own_lease(self.leases, request)
        await self.opting_in.agree(lease, self.terms.version)
        return RedirectResponse("/tenant/second-look", status_code=303)

    @route("POST", "/tenant/withdraw", Role.TENANT)
    async def withdraw(
        self, request: Request, path: Annotated[FacePath | None, Form()] = None
    ) -> Response:
        """Withdraw the face consent; a person looks instead.

        Where he is on another path than the page showed, it was done before: a second
        tap takes nothing more.
        """
        lease = await own_lease(self.leases, request)
        if path not in {None, lease.path}:
            return on()
        await self.enrolment.change_path(lease)
        self.scanning.forget(lease)
        return on()

    async def _again(
        self,
        request: Request,
        lease: Lease,
        at_fault: str = "",
        fault: FaceFault | None = None,
    ) -> Response:
        context = {
            **await place(self.houses, lease),
            **scan_context(self.enrolment, self.shown, lease),
            "at_fault": at_fault,
            "fault": fault,
        }
        return self.pages.show(request, "tenant_faces.html", context, status=422)


def scan_context(
    enrolment: Enrolment, shown: ShownDocuments, lease: Lease
) -> dict[str, Any]:
    """Return what the page of the scan shows."""
    return {
        **camera_context(),
        "scan": True,
        "off": enrolment.switch.off(),
        "ready": shown.ready(lease),
        "different": lease.face is FaceVerdict.DIFFERENT,
        "at_fault": "",
        "fault": None,
    }


def camera_context() -> dict[str, Any]:
    """Return what the live check may say."""
    return {
        "challenges": [each for kind in KINDS.values() for each in kind],
        "kind_of": {each: kind for kind, told in KINDS.items() for each in told},
        "advices": list(Advice),
        "flaws": list(Flaw),
    }


def _told(progress: Progress) -> dict[str, Any]:
    return {
        "state": progress.state.value,
        "step": progress.step,
        "of": progress.of,
        "challenge": progress.challenge.value if progress.challenge else None,
        "advice": progress.advice.value if progress.advice else None,
        "flaw": progress.flaw.value if progress.flaw else None,
    }
