"""What a tenant who lives there does at his door: open, guests, PIN, answers."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
)

from devices.model.approvals import Answer, ApprovalId, ApprovalKind, Paper
from devices.model.errors import NotYours, UnknownDoor
from devices.model.keys import EKey, EKeyId, KeyKind, Refusal, Right
from devices.model.places import DoorId
from devices.model.tasks import TaskId
from devices.ports import Houses, KeyRing, Tasks
from devices.rules.keys import openers, over
from devices.rules.tasks import light
from devices.service.access import Access
from devices.service.alarms import Alarms
from devices.service.asking import Asking
from devices.service.cards import Cards
from devices.service.ekeys import EKeys
from devices.service.locks import Locks
from devices.service.showing import Showing
from devices.service.watching import Watching
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.ports import Leases
from enrolment.rules.documents import normal_number
from enrolment.service.moving_out import MovingOut
from enrolment.service.papers import Papers
from gateway.web.doors import SAID
from gateway.web.ending import CODE
from gateway.web.keys import KeyForm, chosen
from ledger.clock import Clock
from ledger.errors import Erased
from porch.accounts import Role
from porch.guard import route, session_of
from porch.pages import HERE as PORCH
from porch.pages import Pages
from porch.problems import Problem

WORKER = PORCH / "static" / "phone-worker.js"


class HoldingPaper(BaseModel):
    """A court's paper that holds an earlier one, as its holder types it in."""

    authority: str = Field(min_length=2, max_length=60)
    number: str = Field(min_length=5, max_length=30)
    code: str = Field(pattern=CODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencePages:
    """A resident's door; each page is about the key of his own lease."""

    pages: Pages
    houses: Houses
    leases: Leases
    keys: KeyRing
    tasks: Tasks
    ekeys: EKeys
    locks: Locks
    access: Access
    asking: Asking
    showing: Showing
    cards: Cards
    alarms: Alarms
    watching: Watching
    moving_out: MovingOut
    papers: Papers
    clock: Clock

    @route("GET", "/tenant/door", Role.TENANT)
    async def door(self, request: Request) -> Response:
        """Show his doors: bolt, alarms, questions, who can open, his guests."""
        lease, key = await self._mine(request)
        context = await self._context(lease, key)
        said = request.query_params.get("said", "")
        told = {**context, "said": said if said in SAID else "", "opened": None}
        at = request.query_params.get("at")
        if said == "granted" and at in key.doors:
            door = await self.houses.door(DoorId(at))
            told |= {"opened": at, "outcome": self.locks.latest(door.lock)}
        return self.pages.show(request, "residence.html", told)

    @route("POST", "/tenant/doors/{door}/open", Role.TENANT)
    async def open(self, request: Request, door: DoorId) -> Response:
        """Open one of his doors from his phone."""
        _, key = await self._mine(request)
        found = await self.houses.door(door)
        if door not in key.doors:
            raise UnknownDoor("your key is not for this door")
        asked = self.access.asked(found)
        mine = replace(asked, right=Right.HELD, proven=key.id)
        verdict = await self.access.unlock(found, mine)
        said = verdict.refusal.value if verdict.refusal else "granted"
        return _back(f"{said}&at={door}")

    @route("GET", "/tenant/doors/{door}/opening", Role.TENANT)
    async def opening(self, request: Request, door: DoorId) -> Response:
        """Show how far the last command at one of his doors came, alone."""
        _, key = await self._mine(request)
        if door not in key.doors:
            raise UnknownDoor("your key is not for this door")
        found = await self.houses.door(door)
        told = {
            "outcome": self.locks.latest(found.lock),
            "here": f"/tenant/doors/{door}",
        }
        return self.pages.show(request, "opening.html", told)

    @route("POST", "/tenant/pin", Role.TENANT)
    async def pin(self, request: Request) -> Response:
        """Draw another PIN."""
        _, key = await self._mine(request)
        await self.ekeys.draw_pin(key)
        return RedirectResponse("/tenant", status_code=303)

    @route("GET", "/phone")
    async def phone(self, request: Request) -> Response:
        """Show the key on a phone; the page itself says nothing of anybody."""
        return self.pages.show(request, "phone.html", {"refusals": Refusal})

    @route("GET", "/phone-worker.js")
    async def worker(self) -> Response:
        """Give the script that keeps the phone's page for when there is no network."""
        return FileResponse(WORKER, media_type="text/javascript")

    @route("POST", "/tenant/phone", Role.TENANT)
    async def bind(
        self,
        request: Request,
        holder: Annotated[str, Form(pattern="^[0-9a-f]{64}$")],
    ) -> Response:
        """Sign a token for a phone's own key; an earlier phone's opens no more."""
        lease, key = await self._mine(request)
        cut = await self.showing.bind(key, lease.house, bytes.fromhex(holder))
        doors = [await self.houses.door(door) for door in sorted(key.doors)]
        return JSONResponse(
            {
                "token": cut[0].hex(),
                "root": cut[1].hex(),
                "doors": [{"id": door.id, "name": door.name} for door in doors],
                "end": key.ends.isoformat(),
            }
        )

    @route("POST", "/tenant/doors/{door}/card", Role.TENANT)
    async def add_card(self, request: Request, door: DoorId) -> Response:
        """Wait a minute for a card at the door's keypad."""
        _, key = await self._mine(request)
        found = await self.houses.door(door)
        if door not in key.doors or not found.keypad:
            raise UnknownDoor("there is no keypad at a door of yours")
        self.cards.wait_for(found, key)
        return _back()

    @route("POST", "/tenant/cards/lost", Role.TENANT)
    async def lose_cards(self, request: Request) -> Response:
        """Let no card open for him any more."""
        _, key = await self._mine(request)
        await self.ekeys.drop_cards(key)
        return _back()

    @route("POST", "/tenant/freeze", Role.TENANT)
    async def freeze(self, request: Request) -> Response:
        """Stop his own key, as when his phone or PIN is in other hands."""
        _, key = await self._mine(request)
        await self.ekeys.freeze(key, key.holder)
        return _back()

    @route("POST", "/tenant/thaw", Role.TENANT)
    async def thaw(self, request: Request) -> Response:
        """Let his own key work again, where no paper has frozen it."""
        lease, key = await self._mine(request)
        if await self.asking.ordered(ApprovalKind.FREEZE_KEY, lease.id):
            raise NotYours("a court's paper has frozen this key")
        await self.ekeys.thaw(key, key.holder)
        return _back()

    @route("POST", "/tenant/paper", Role.TENANT)
    async def paper(
        self, request: Request, told: Annotated[HoldingPaper, Form()]
    ) -> Response:
        """Take a newer paper, which holds what an earlier one orders."""
        lease, _ = await self._mine(request, lent=True)
        paper = Paper(told.authority.strip(), normal_number(told.number))
        await self.papers.object(lease, paper, told.code)
        return _back()

    @route("POST", "/tenant/guests", Role.TENANT)
    async def invite(
        self, request: Request, told: Annotated[KeyForm, Form()]
    ) -> Response:
        """Give a guest a key, never wider than his own."""
        lease, key = await self._mine(request)
        house = await self.houses.house(lease.house)
        if told.kind is not KeyKind.GUEST:
            raise Problem(422, "kind", "Choose one of the kinds of key shown.")
        doors = [await self.houses.door(door) for door in sorted(key.doors)]
        order = told.order(house.time_zone)
        await self.ekeys.issue(order, chosen(told.doors, doors), key)
        return _back()

    @route("POST", "/tenant/guests/{guest}/end", Role.TENANT)
    async def dismiss(self, request: Request, guest: EKeyId) -> Response:
        """End a guest's key."""
        _, key = await self._mine(request)
        found = self.keys.key(guest)
        if found.issuer != key.holder or found.kind is not KeyKind.GUEST:
            raise UnknownDoor("there is no such guest")
        await self.ekeys.end(found, key.holder)
        return _back()

    @route("POST", "/tenant/questions/{question}", Role.TENANT)
    async def answer(
        self,
        request: Request,
        question: ApprovalId,
        said: Annotated[Answer, Form()],
    ) -> Response:
        """Answer the landlord; a yes is acted on at once."""
        lease, key = await self._mine(request)
        if said is Answer.PAPER:
            raise Problem(422, "answer", "Answer yes or no.")
        answered = await self.asking.answer(question, key.holder, said)
        if said is Answer.NO:
            return _back()
        match answered.kind:
            case ApprovalKind.OPEN_DOOR:
                await self.asking.open_agreed(answered)
            case ApprovalKind.FREEZE_KEY:
                await self.ekeys.freeze(key, key.holder)
            case ApprovalKind.END_LEASE:
                await self.moving_out.end(lease, key.holder)
                return RedirectResponse("/tenant", status_code=303)
        return _back()

    @route("POST", "/tenant/tasks/{task}/accept", Role.TENANT)
    async def accept(self, request: Request, task: TaskId) -> Response:
        """Take his word that he has looked at an alarm."""
        _, key = await self._mine(request)
        await self.alarms.accept(task, key.holder)
        return _back()

    @route("POST", "/tenant/leave", Role.TENANT)
    async def leave(self, request: Request, sure: Annotated[bool, Form()]) -> Response:
        """Move out now, by his own word."""
        lease, key = await self._mine(request)
        if not sure:
            raise Problem(422, "sure", "Confirm that you have moved out.")
        await self.moving_out.end(lease, key.holder)
        return RedirectResponse("/tenant", status_code=303)

    async def _mine(
        self, request: Request, *, lent: bool = False
    ) -> tuple[Lease, EKey]:
        """Return the lease and key of whoever asks; a `lent` phone does little."""
        session = session_of(request)
        if session.borrowed and request.method != "GET" and not lent:
            raise Problem(403, "borrowed", "Your door is yours alone: use your phone.")
        lease = await self.leases.find(LeaseId(session.subject))
        if lease.stage is not Stage.REGISTERED:
            raise OutOfTurn("this comes with your registration")
        return lease, self.keys.key(lease.key)

    async def _context(self, lease: Lease, key: EKey) -> dict[str, Any]:
        now = self.clock.now()
        house = await self.houses.house(lease.house)
        here = now.astimezone(ZoneInfo(house.time_zone))
        here = here.replace(second=0, microsecond=0, tzinfo=None)
        doors = [await self.houses.door(door) for door in sorted(key.doors)]
        asked = await self.asking.of(key.holder)
        return {
            "key": key,
            "doors": [(door, self.locks.seen.get(door.lock)) for door in doors],
            "there": {door.id for door in doors if self.watching.occupied(door.id)},
            "openers": {
                door.id: openers(self.keys.at_door(door.id), key, now) for door in doors
            },
            "card": bool(self.ekeys.cards(key)),
            "waits": {door.id for door in doors if self.cards.awaits(door.id)},
            "guests": await self._guests(key),
            "asked": [e for e in asked if e.answer is None and now < e.expires],
            "answered": [each for each in asked if each.answer is not None],
            "now": now,
            "tasks": [
                (task, light(task, now)) for task in await self.tasks.of(key.holder)
            ],
            "start": here,
            "end": here + timedelta(days=1),
            "house": house,
            "moment": timedelta(seconds=1),
        }

    async def _guests(self, key: EKey) -> list[tuple[EKey, str, str]]:
        now = self.clock.now()
        return [
            (guest, await self.keys.label(guest), await self._pin(guest))
            for guest in self.keys.issued_by(key.holder)
            if not over(guest, now)
        ]

    async def _pin(self, guest: EKey) -> str:
        try:
            return await self.ekeys.pin(guest)
        except Erased:
            return ""


def _back(said: str = "") -> Response:
    query = f"?said={said}" if said else ""
    return RedirectResponse(f"/tenant/door{query}", status_code=303)
