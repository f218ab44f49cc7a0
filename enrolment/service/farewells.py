"""Who has moved out may come back to ask, correct and complain, for three years."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from devices.ports import Tasks
from enrolment.model.errors import LinkDead, OutOfTurn
from enrolment.model.leases import ENDED, Lease
from enrolment.model.rights import Farewell
from enrolment.ports import Leases, People, RightsBook
from enrolment.service.rights import ASKED_FOR
from ledger.book import Book
from ledger.clock import Clock
from ledger.errors import Conflict

CODE_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Farewells:
    """Gives a code at departure, and knows it again; nothing else is kept for it."""

    book: Book
    leases: Leases
    people: People
    rights: RightsBook
    tasks: Tasks
    clock: Clock

    async def give(self, lease: Lease) -> tuple[str, Farewell]:
        """Give a code, shown once; an earlier one of this lease is worth nothing."""
        if lease.stage not in ENDED:
            raise OutOfTurn("this comes when you have moved out")
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        left = lease.left_at or self.clock.now()
        farewell = Farewell(lease.id, _digest(code), left + ASKED_FOR)
        async with self.book.page() as page:
            self.rights.part(page, farewell)
        return "-".join(code[at : at + 4] for at in range(0, CODE_DIGITS, 4)), farewell

    async def back(self, code: str) -> Lease:
        """Return the lease whose code this is; raise LinkDead where there is none."""
        found = await self.rights.parted(_digest("".join(filter(str.isdigit, code))))
        if found is None or self.clock.now() >= found.until:
            raise LinkDead("this code is unknown here, or its three years are over")
        return await self.leases.find(found.lease)

    async def forget_over(self) -> None:
        """Erase what people asked after their data were gone, once the term is over."""
        for farewell in await self.rights.over(self.clock.now()):
            lease = await self.leases.find(farewell.lease)
            asked = await self.rights.requests(lease.id)
            with suppress(Conflict):  # he asked something just now: the next round
                async with self.book.page() as page:
                    self.rights.only(page, lease.id, [each.id for each in asked])
                    for each in asked:
                        self.tasks.close(page, each.id, self.clock.now())
                    for holder in {each.tenant for each in asked} - {lease.tenant}:
                        self.people.erase(page, holder)
                    self.rights.forget(page, farewell)


def _digest(code: str) -> bytes:
    return sha256(code.encode()).digest()
