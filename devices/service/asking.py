"""What a landlord may do at a let room's door only with its residents' word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from devices.model.approvals import (
    Answer,
    Approval,
    ApprovalId,
    ApprovalKind,
    Paper,
)
from devices.model.errors import NotSo, NotYours
from devices.model.keys import Refusal, Right, Verdict
from devices.model.places import Door, DoorId
from devices.model.tasks import Incident
from devices.ports import Approvals, Houses, Incidents
from devices.service.access import Access
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.ids import TenantId, new_id

# A door waits for its resident's word while somebody stands before it; the rest can
# be thought over (the user's decision, issue "Doors").
LIVES = {
    ApprovalKind.OPEN_DOOR: timedelta(minutes=5),
    ApprovalKind.FREEZE_KEY: timedelta(days=7),
    ApprovalKind.END_LEASE: timedelta(days=7),
}

# What a court ordered stands until it is carried out, or held by a newer paper.
PAPER_LIVES = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Emergency:
    """Who opens without asking, on what basis, and who saw it."""

    who: str
    basis: str
    witness: str


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks residents, keeps what they said, and opens doors for the landlord."""

    book: Book
    approvals: Approvals
    houses: Houses
    access: Access
    incidents: Incidents
    salt: bytes
    clock: Clock

    async def ask(
        self, kind: ApprovalKind, about: str, resident: TenantId, by: str
    ) -> Approval:
        """Ask a resident; he sees it on his page until it expires, and not twice."""
        now = self.clock.now()
        for each in await self.approvals.about(about):
            same = (each.kind, each.resident, each.asked_by) == (kind, resident, by)
            if same and each.answer is None and now < each.expires:
                return each
        asked = Approval(
            ApprovalId(new_id()), kind, about, by, resident, now, now + LIVES[kind]
        )
        async with self.book.page() as page:
            self.approvals.ask(page, asked)
            self._note(page, "asked", asked)
        return asked

    async def answer(
        self, approval: ApprovalId, resident: TenantId, answer: Answer
    ) -> Approval:
        """Keep a resident's answer; raise NotYours or NotSo where there is none."""
        found = await self.approvals.find(approval)
        if found.resident != resident:
            raise NotYours("somebody else was asked")
        now = self.clock.now()
        if found.answer is not None or now >= found.expires:
            raise NotSo("this question is answered, or nobody waits for it any more")
        said = replace(found, answer=answer, answered_at=now)
        async with self.book.page() as page:
            self.approvals.answer(page, said)
            self._note(page, f"answered/{answer.value}", said)
        return said

    async def show_paper(
        self,
        kind: ApprovalKind,
        about: tuple[str, TenantId],
        by: str,
        paper: Paper,
    ) -> Approval:
        """Keep that an official paper stands in for a resident.

        The resident sees which, and since when it may be acted on.
        """
        now, (thing, resident) = self.clock.now(), about
        shown = Approval(
            id=ApprovalId(new_id()),
            kind=kind,
            about=thing,
            asked_by=by,
            resident=resident,
            asked_at=now,
            expires=now + PAPER_LIVES,
            answer=Answer.PAPER,
            answered_at=now,
            paper=paper,
        )
        async with self.book.page() as page:
            self.approvals.ask(page, shown)
            self._note_paper(page, "paper", shown, paper)
        return shown

    async def object(self, about: str, paper: Paper) -> None:
        """Keep that a newer paper holds what earlier ones order about something."""
        now = self.clock.now()
        async with self.book.page() as page:
            for each in await self.approvals.about(about):
                if each.answer is Answer.PAPER and now < each.expires:
                    self.approvals.lapse(page, each.kind, about, now)
                    self._note_paper(page, "paper/held", each, paper)

    async def ordered(self, kind: ApprovalKind, about: str) -> bool:
        """Say whether a paper orders something now, which no resident undoes alone."""
        now, asked = self.clock.now(), await self.approvals.about(about)
        papers = [each for each in asked if each.answer is Answer.PAPER]
        return any(each.kind is kind and each.granted(now) for each in papers)

    async def granted(self, kind: ApprovalKind, about: str) -> bool:
        """Say whether a resident agreed, or a paper stands, and it still holds."""
        now = self.clock.now()
        asked = await self.approvals.about(about)
        return any(each.kind is kind and each.granted(now) for each in asked)

    async def open_for(self, door: Door, by: str) -> Verdict:
        """Open a door for its landlord from afar; ask, where somebody lives there.

        A shared entrance or the door of a room where nobody lives opens at once.
        """
        request = replace(self.access.asked(door), right=Right.LANDLORD)
        verdict = await self.access.unlock(door, request)
        if verdict.refusal is Refusal.ASKED:
            for key in self.access.living(door):
                await self.ask(ApprovalKind.OPEN_DOOR, door.id, key.holder, by)
        return verdict

    async def open_agreed(self, approval: Approval) -> Verdict:
        """Open the door for which a resident just gave his word, by his right."""
        if not approval.granted(self.clock.now()):
            raise NotSo("the question has expired")
        door = await self.houses.door(DoorId(approval.about))
        request = replace(
            self.access.asked(door), right=Right.AGREED, agreed=approval.resident
        )
        return await self.access.unlock(door, request)

    async def open_in_emergency(self, door: Door, emergency: Emergency) -> Verdict:
        """Open without asking: on record first, told to residents, reviewed in 24 h."""
        told = f"{emergency.who}; {emergency.basis}; {emergency.witness}"
        async with self.book.page() as page:
            page.note("emergency", f"{door.id} {told}".encode(), self.salt)
        self.incidents.report(Incident.EMERGENCY_OPENING, door.id, told)
        request = replace(self.access.asked(door), right=Right.EMERGENCY)
        return await self.access.unlock(door, request)

    async def of(self, resident: TenantId) -> Sequence[Approval]:
        """List what a resident was asked, the latest first."""
        return await self.approvals.of(resident)

    def _note_paper(
        self, page: Page, what: str, approval: Approval, paper: Paper
    ) -> None:
        told = f"{approval.id} {paper.authority} {paper.number}"
        page.note(what, told.encode(), self.salt)

    def _note(self, page: Page, what: str, approval: Approval) -> None:
        told = f"{approval.id} {approval.kind.value} {approval.about}".encode()
        page.note(f"approval/{what}", told, self.salt)
