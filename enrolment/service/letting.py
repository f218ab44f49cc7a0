"""A landlord lets a room: the lease, the pending key, the link for the tenant."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from devices.model.places import Door, HouseId, RoomId
from devices.ports import Houses, KeyRing
from devices.service.ekeys import EKeys
from enrolment.model.errors import CodeWrong, LinkDead, OutOfTurn, WindowWrong
from enrolment.model.leases import Invitation, Lease, LeaseId, RegistrationId, Stage
from enrolment.ports import Invitations, Leases, People
from enrolment.rules.leases import CODE_TRIES, LINK_LIVES
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.ids import new_id

TOKEN_BYTES = 32
CODE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Letting:
    """Makes leases and the links by which tenants come in."""

    book: Book
    leases: Leases
    invitations: Invitations
    people: People
    ekeys: EKeys
    keys: KeyRing
    houses: Houses
    clock: Clock

    async def let(
        self,
        place: tuple[HouseId, RoomId],
        doors: Collection[Door],
        label: str,
        window: tuple[datetime, datetime],
    ) -> tuple[Lease, str]:
        """Let a room; return the lease and the link's secret token, shown once.

        Its key opens the room's own doors and the entrances that all share.
        """
        return await self._let(place, doors, label, window, None)

    async def add_co_tenant(
        self, beside: Lease, doors: Collection[Door], label: str
    ) -> tuple[Lease, str]:
        """Let somebody move in beside a tenant, with a lease and a key of his own."""
        if beside.stage in {Stage.LEFT, Stage.ERASED}:
            raise OutOfTurn("this lease has ended")
        window = (max(beside.starts, self.clock.now()), beside.ends)
        place = (beside.house, beside.room)
        return await self._let(place, doors, label, window, beside)

    async def _let(
        self,
        place: tuple[HouseId, RoomId],
        doors: Collection[Door],
        label: str,
        window: tuple[datetime, datetime],
        beside: Lease | None,
    ) -> tuple[Lease, str]:
        if window[0] >= window[1]:
            raise WindowWrong("the lease must end after it starts")
        house = await self.houses.house(place[0])
        tenant = await self.people.begin()
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self.book.page() as page:
            key = self.ekeys.cut(page, doors, tenant, window, house.landlord.account)
            lease = Lease(
                LeaseId(new_id()),
                *place,
                tenant,
                key.id,
                RegistrationId(new_id()),
                *window,
            )
            if beside is not None:
                lease = replace(lease, tenancy=beside.tenancy)
            self.leases.add(page, lease, label)
            self._invite(page, lease, token)
            page.note("lease", lease.id.encode(), await self.people.salt(tenant))
        await self.keys.refresh()
        return lease, token

    async def invite_again(self, lease: Lease) -> str:
        """Make a new link and code; every earlier link of the lease is dead."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self.book.page() as page:
            self._invite(page, lease, token)
        return token

    async def bind_here(self, lease: Lease) -> Lease:
        """Let a tenant without a phone go on on his landlord's; every link is dead."""
        if lease.stage in {Stage.LEFT, Stage.ERASED}:
            raise OutOfTurn("this lease has ended")
        nobody = secrets.token_bytes(TOKEN_BYTES)
        bound = lease
        if lease.stage is Stage.INVITED:
            bound = replace(lease, stage=Stage.BOUND)
        async with self.book.page() as page:
            now = self.clock.now()
            self.invitations.put(
                page, Invitation(lease.id, nobody, "", now, bound=True)
            )
            self.leases.change(page, bound, after=lease)
            salt = await self.people.salt(lease.tenant)
            page.note("link/here", lease.id.encode(), salt)
        return bound

    async def bind(self, token: str, code: str) -> Lease:
        """Take a link and the spoken code from a phone; the link binds to it.

        Raises CodeWrong (a try is spent, on disk) or LinkDead.
        """
        found = await self.invitations.find(digest(token))
        spent = found.tries >= CODE_TRIES
        if found.bound or spent or self.clock.now() >= found.expires:
            raise LinkDead("ask the landlord for a new link")
        good = secrets.compare_digest(found.code.encode(), code.strip().encode())
        lease = await self.leases.find(found.lease)
        async with self.book.page() as page:
            tried = replace(found, tries=found.tries + 1, bound=good)
            self.invitations.put(page, tried)
            if good and lease.stage is Stage.INVITED:
                bound = replace(lease, stage=Stage.BOUND)
                self.leases.change(page, bound, after=lease)
        if not good:
            raise CodeWrong("that is not the code the landlord said")
        return await self.leases.find(lease.id)

    def _invite(self, page: Page, lease: Lease, token: str) -> None:
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        expires = self.clock.now() + LINK_LIVES
        invitation = Invitation(lease.id, digest(token), code, expires)
        self.invitations.put(page, invitation)


def digest(token: str) -> bytes:
    """Return what is kept of a link's token (SHA-256, 32 bytes)."""
    return sha256(token.encode()).digest()
