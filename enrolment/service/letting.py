"""A landlord lets a room: the lease, the pending key, the link for the tenant."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from devices.model.places import Door, HouseId, RoomId
from devices.ports import Houses, KeyRing
from devices.service.ekeys import EKeys
from enrolment.model.documents import Evidence
from enrolment.model.errors import CodeWrong, LinkDead, OutOfTurn, WindowWrong
from enrolment.model.leases import (
    ENDED,
    KNOWN,
    FacePath,
    Invitation,
    Lease,
    LeaseId,
    RegistrationId,
    Stage,
)
from enrolment.model.rights import Basis, Disclosure
from enrolment.ports import Consents, Invitations, Leases, People, RightsBook
from enrolment.rules.documents import normal_number
from enrolment.rules.leases import (
    ASKS_AGAIN,
    CODE_TRIES,
    COUNTER_DIGITS,
    LASTS,
    LINK_LIVES,
    OF_LEASE,
)
from enrolment.service.checking import Checking
from enrolment.service.duties import Duties
from ledger.attempts import Attempts
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.ids import new_id

TOKEN_BYTES = 32
CODE_DIGITS = 4
HANDED = "his own page, on his landlord's phone"


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
    consents: Consents
    rights: RightsBook
    duties: Duties
    counter: Checking
    clock: Clock
    attempts: Attempts

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
        if beside.stage in ENDED:
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
        if not window[0] < window[1] <= window[0] + LASTS:
            raise WindowWrong("the lease must end after it starts, within twenty years")
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
        """Make a new link and code; every earlier link of the lease is dead.

        Also for whoever left, until his data go: he asks and takes his receipts by it.
        """
        if lease.stage in ENDED and not self.may_come_back(lease):
            raise OutOfTurn("this lease has ended")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self.book.page() as page:
            self._invite(page, lease, token)
        return token

    def may_come_back(self, lease: Lease) -> bool:
        """Say whether whoever left may open a link, with the PIN that he had."""
        key = self.keys.known(lease.key)
        return lease.stage is Stage.LEFT and bool(key and self.ekeys.given(key))

    async def may_hand_over(self, lease: Lease) -> bool:
        """Say whether a landlord may hand his own phone to this tenant.

        To whoever never used a link; once he is registered once more, to see his PIN.
        Whoever has a phone of his own is not looked at from his landlord's.
        """
        if lease.stage is Stage.INVITED:
            return True
        found = await self.invitations.of(lease.id)
        handed = found is not None and found.bound and not found.code
        seen = found is not None and found.tries > 0
        return handed and lease.stage not in ENDED and not seen

    async def bind_here(self, lease: Lease) -> Lease:
        """Let a tenant without a phone go on on his landlord's; every link is dead.

        He sees on his own page that it was opened there.
        """
        if not await self.may_hand_over(lease):
            raise OutOfTurn("he has a phone of his own: make a new link for it")
        house = await self.houses.house(lease.house)
        now, basis = self.clock.now(), Basis.LANDLORD_PHONE
        told = Disclosure(lease.tenant, now, house.landlord.name, HANDED, basis)
        last = int(lease.stage is Stage.REGISTERED)
        nobody = secrets.token_bytes(TOKEN_BYTES)
        bound = lease
        if lease.stage is Stage.INVITED:
            bound = replace(lease, stage=Stage.BOUND)
        async with self.book.page() as page:
            self.invitations.put(
                page, Invitation(lease.id, nobody, "", now, last, bound=True)
            )
            self.leases.change(page, bound, after=lease)
            self.rights.disclose(page, told)
            salt = await self.people.salt(lease.tenant)
            page.note("link/here", lease.id.encode(), salt)
        return bound

    async def bind(self, token: str, code: str, phone: str = "") -> Lease:
        """Take a link and the spoken code from a phone; the link binds to it.

        Who is registered proves himself by his PIN instead, which nobody else knows, or
        by the code of an officer who saw him; who is not begins anew, so that a new
        link shows nobody what he entered. `phone` is what the asking page was made
        with: where its answer was lost, that page may ask again for ten minutes, until
        a step is done, and as long as tries are left.

        Raises CodeWrong (a try is spent, on disk), LinkDead, StationSilent where the
        officer's station does not answer, or Conflict where another try was faster:
        none is answered that was not counted.
        """
        return await self._bind(await self.invitations.find(digest(token)), code, phone)

    async def bind_numbered(self, number: str, code: str, phone: str = "") -> Lease:
        """Take a link's number in its place, from whoever came by the door's code."""
        digits = "".join(filter(str.isdecimal, normal_number(number)))
        found = await self.invitations.numbered(digits, digest(phone))
        return await self._bind(found, code, phone)

    async def _bind(self, found: Invitation, code: str, phone: str) -> Lease:
        lease = await self.leases.find(found.lease)
        asked = bool(phone) and found.phone == digest(phone)
        again = asked and lease.stage is Stage.BOUND
        now, dead = self.clock.now(), found.bound and not again
        spent = dead or found.tries >= CODE_TRIES or now >= found.expires
        over = lease.stage in ENDED and not self.may_come_back(lease)
        if spent or over:
            raise LinkDead("ask the landlord for a new link")
        # Over all links of a lease: a new link buys no new guesses.
        counted = (f"link/lease/{lease.id}", OF_LEASE)
        self.attempts.count(counted)
        secret = found.code
        if lease.stage in KNOWN:
            secret = await self.ekeys.pin(self.keys.key(lease.key))
        good = secrets.compare_digest(secret.encode(), normal_number(code).encode())
        tried = replace(found, tries=found.tries + 1)
        if good and not again:
            until = min(found.expires, now + ASKS_AGAIN)
            tried = replace(tried, bound=True, phone=digest(phone), expires=until)
        async with self.book.page() as page:
            self.invitations.tried(page, found, tried)
            if good and not again and lease.stage not in KNOWN:
                self._begin(page, lease)
                await self.duties.go_on(page, lease)
        digits = "".join(filter(str.isdigit, code))
        if lease.stage in KNOWN and len(digits) == COUNTER_DIGITS:
            good = await self._recognised(lease, tried, digits)
        if not good:
            raise CodeWrong("that is not the code the landlord said")
        self.attempts.good(counted)
        return await self.leases.find(lease.id)

    async def _recognised(self, lease: Lease, link: Invitation, code: str) -> bool:
        """Take an officer's word for a resident who lost his phone and his PIN."""
        if not await self.counter.recognise(lease, code, link.token.hex()):
            return False
        salt = await self.people.salt(lease.tenant)
        async with self.book.page() as page:
            bound = replace(link, tries=link.tries + 1, bound=True)
            self.invitations.tried(page, link, bound)
            page.note("link/counter", lease.id.encode(), salt)
        return True

    def _begin(self, page: Page, lease: Lease) -> None:
        """Begin an enrolment, or begin it anew on another phone."""
        begun = replace(
            lease,
            stage=Stage.BOUND,
            path=FacePath.UNDECIDED,
            face=None,
            live=False,
            fits=False,
            claim=lease.claim + 1,
            evidence=Evidence.TYPED,
        )
        now = self.clock.now()
        self.consents.withdraw(page, lease.tenant, now)
        self.consents.drop(page, lease.tenant)
        self.leases.forget(page, lease)
        self.leases.change(page, begun, after=lease)

    def _invite(self, page: Page, lease: Lease, token: str) -> None:
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        expires = self.clock.now() + LINK_LIVES
        invitation = Invitation(lease.id, digest(token), code, expires)
        self.invitations.put(page, invitation)


def digest(token: str) -> bytes:
    """Return what is kept of a link's token (SHA-256, 32 bytes)."""
    return sha256(token.encode()).digest()
