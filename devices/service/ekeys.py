"""E-keys: issued, narrowed by nobody but time, frozen, ended."""

from collections import defaultdict
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devices.model.errors import (
    CardUnfit,
    NeverOpens,
    NotSo,
    NotYours,
    TooManyGuests,
    WindowWider,
)
from devices.model.keys import (
    Credential,
    CredentialKind,
    CredentialState,
    EKey,
    EKeyId,
    KeyKind,
    KeyState,
    WeekDays,
)
from devices.model.places import Door, LockId
from devices.ports import KeyRing
from devices.rules.keys import (
    LIVING,
    ever_opens,
    fits_inside,
    live,
    lives_there,
    may_stop,
    over,
)
from devices.rules.pins import card
from devices.service.pins import Pins
from ledger.attempts import Attempts, Limit
from ledger.book import Book, Page
from ledger.clock import Clock, Trust
from ledger.ids import TenantId, new_id

VISITORS = {KeyKind.VISIT, KeyKind.RECURRING, KeyKind.ONE_TIME}
Window = tuple[datetime, datetime]
# Keys that a resident's guests may hold at once: a lock's slots are everybody's.
GUESTS = 5
# Each draw is written to every lock of the key, and costs its battery.
DRAWS = Limit(
    free=6,
    first=timedelta(hours=1),
    longest=timedelta(days=1),
    forgives=timedelta(hours=6),
)


@dataclass(frozen=True, slots=True)
class Order:
    """A key as its issuer wants it, for somebody who does not live there."""

    kind: KeyKind
    label: str
    window: Window
    hours: WeekDays | None = None
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class EKeys:
    """Cuts, issues, freezes and ends e-keys."""

    book: Book
    keys: KeyRing
    pins: Pins
    attempts: Attempts
    salt: bytes
    clock: Clock

    def cut(
        self,
        page: Page,
        doors: Collection[Door],
        holder: TenantId,
        lease: Window,
        issuer: str,
    ) -> EKey:
        """Cut a key that waits for its holder's registration.

        Raises NoCommonLength where no PIN can be at all of its doors.
        """
        self.pins.length([door.lock for door in doors])
        opens = frozenset(door.id for door in doors)
        key = EKey(EKeyId(new_id()), opens, holder, *lease, issuer=issuer)
        self.keys.add(page, key)
        return key

    async def activate(self, page: Page, key: EKey, doors: Collection[Door]) -> None:
        """Make the key good with this page and give it one PIN for all its doors.

        Keys that the landlord gave to the room while it was vacant end with it.
        """
        self._end_visitors(page, doors)
        self.keys.change(page, self._live(key), after=key)
        await self._give(page, key, doors)

    async def issue(
        self, order: Order, doors: Collection[Door], by: EKey | str
    ) -> EKey:
        """Issue a key to somebody who does not live there; active at once.

        `by` is the landlord's account, or the key of the resident whose guest it is
        for: his window bounds it (WindowWider). A landlord gives none to a room where
        somebody lives (NotYours). Raises NoFreeSlot.
        """
        opens = frozenset(door.id for door in doors)
        if isinstance(by, EKey) and not fits_inside(order.window, opens, by):
            raise WindowWider("a guest's key lies inside your own time")
        if not isinstance(by, EKey) and any(self._lived_in(door) for door in doors):
            raise NotYours("somebody lives there: he gives keys to his guests")
        if isinstance(by, EKey) and self._guests(by) >= GUESTS:
            raise TooManyGuests("end a guest's key first")
        if order.window[0] >= order.window[1]:
            raise WindowWider("the key must end after it starts")
        if order.hours and not ever_opens(order.hours, order.zone, order.window):
            raise NeverOpens("none of its days and hours lies in its time")
        holder, label = await self.keys.begin(order.label)
        key = EKey(
            id=EKeyId(new_id()),
            doors=opens,
            holder=holder,
            starts=order.window[0],
            ends=order.window[1],
            kind=order.kind,
            hours=order.hours,
            zone=order.zone,
            issuer=by.holder if isinstance(by, EKey) else by,
            label=label,
        )
        live = self._live(key)
        async with self.book.page() as page:
            if isinstance(by, EKey):
                self.keys.stands(page, by)
            else:
                rooms = [door.id for door in doors if door.room is not None]
                self.keys.vacant(page, rooms, self.clock.now())
            self.keys.add(page, live)
            await self._give(page, live, doors)
            self._note(page, "issued", live, live.issuer)
        await self.keys.refresh()
        return live

    async def draw_pin(self, key: EKey) -> None:
        """Draw another PIN for a key, at every door of it, a few times a day.

        Nobody chooses one: an answer to a choice would tell which are somebody's.
        """
        his = self.given(key)
        if not his or over(key, self.clock.now()):
            raise NotSo("this key has no PIN, or has ended")
        self.attempts.count((f"pin/{key.id}", DRAWS))
        pin = self.pins.fresh([each.lock for each in his])
        sealed = await self.keys.seal(key.holder, pin)
        async with self.book.page() as page:
            for each in his:
                here = each.state is CredentialState.KEPT_HERE
                fresh = replace(
                    each,
                    digest=self.keys.digest(each.lock, pin),
                    sealed=sealed,
                    state=each.state if here else CredentialState.WAITING,
                    tries=0,
                    due=None,
                )
                self.keys.swap(page, fresh)
            self._note(page, "pin", key, key.holder)
        await self.keys.refresh()

    async def freeze(self, key: EKey, by: str, *, agreed: bool = False) -> None:
        """Stop a key for a while; raise NotYours where it is not for him to do."""
        self._may_stop(key, by, agreed=agreed)
        if key.state is not KeyState.ACTIVE:
            raise NotSo("only a key that works can be frozen")
        await self._change(key, KeyState.FROZEN, "frozen", by)

    async def thaw(self, key: EKey, by: str) -> None:
        """Let a frozen key work again; whoever may stop it may let it go on."""
        if by not in {key.holder, key.issuer}:
            raise NotYours("only its holder or who gave it can do this")
        if key.state is not KeyState.FROZEN:
            raise NotSo("this key is not frozen")
        await self._change(key, KeyState.ACTIVE, "thawed", by)

    async def end(self, key: EKey, by: str, *, agreed: bool = False) -> None:
        """End a key for ever; raise NotYours where it is not for him to do."""
        self._may_stop(key, by, agreed=agreed)
        if key.state in {KeyState.REVOKED, KeyState.USED_UP}:
            raise NotSo("this key has ended already")
        now = self.clock.now()
        async with self.book.page() as page:
            self.revoke(page, key, now)
            self._note(page, "revoked", key, by)
        await self.keys.refresh()

    def prolong(
        self, page: Page, keys: Sequence[EKey], doors: Collection[Door], ends: datetime
    ) -> None:
        """Let keys to these doors work until `ends` with this page.

        A PIN that was cleared comes back, and what the landlord gave to the room once
        nobody lived there ends. Raises NotSo where a key was ended for ever, NoFreeSlot
        where a lock has no slot any more.
        """
        now, taken = self.clock.now(), defaultdict[LockId, set[int]](set)
        for key in keys:
            longer = replace(key, ends=ends)
            if over(longer, now):
                raise NotSo("this key was ended for ever")
            if over(key, now) and key.state in LIVING:
                self._end_visitors(page, doors)
            self.keys.change(page, longer, after=key)
            for each in self.given(key):
                slot = each.slot
                if each.state is CredentialState.CLEARED:
                    slot = self.pins.slot(each.lock, taken[each.lock])
                    taken[each.lock].add(slot)
                elif not (each.state is CredentialState.CLEARING and live(longer, now)):
                    continue
                waits = CredentialState.WAITING
                again = replace(each, slot=slot, state=waits, tries=0, due=None)
                self.keys.swap(page, again)

    def revoke(self, page: Page, key: EKey, at: datetime) -> None:
        """End the key with this page; its PINs are cleared at the locks next.

        The keys that its holder gave to guests end with it.
        """
        guests = [
            each
            for each in self.keys.issued_by(key.holder)
            if each.kind is KeyKind.GUEST
            and each.doors <= key.doors
            and not over(each, at)
        ]
        for each in (key, *guests):
            ends = min(each.ends, max(at, each.starts))
            self.keys.change(page, replace(each, state=KeyState.REVOKED, ends=ends))

    async def forget_over(self, before: datetime) -> None:
        """Forget visitors and guests whose keys ended before an instant."""
        for key, _ in self._forgettable(before):
            async with self.book.page() as page:
                self.keys.forget(page, key.holder)
                self.keys.end_holder(page, key.holder)
            await self.keys.refresh()

    def held(self, holder: TenantId) -> Sequence[tuple[EKey, list[Credential]]]:
        """List a holder's keys, each with the credentials that stand for it."""
        return [(key, self.given(key)) for key in self.keys.of(holder)]

    def given(self, key: EKey) -> list[Credential]:
        """List the PINs that stand for a key, one for each lock."""
        return self._standing(key, CredentialKind.PIN)

    def cards(self, key: EKey) -> list[Credential]:
        """List the cards that stand for a key."""
        return self._standing(key, CredentialKind.CARD)

    async def add_card(self, key: EKey, number: str) -> None:
        """Let a card stand for a key at all its doors; Lodge judges it itself.

        Raises CardUnfit where the card stands for another key already, or is none.
        """
        locks = [each.lock for each in self.given(key)]
        if not card(number) or self.pins.taken(number, locks):
            raise CardUnfit("this is no card, or it stands for another key")
        sealed = await self.keys.seal(key.holder, number)
        async with self.book.page() as page:
            for each in self.cards(key):
                self.keys.take_back(page, each)
            for lock in locks:
                given = Credential(
                    key.id,
                    lock,
                    0,
                    self.keys.digest(lock, number),
                    sealed,
                    CredentialState.KEPT_HERE,
                    kind=CredentialKind.CARD,
                )
                self.keys.give(page, given)
            self._note(page, "card", key, key.holder)
        await self.keys.refresh()

    async def drop_cards(self, key: EKey) -> None:
        """Let no card stand for a key any more, as when it was lost."""
        async with self.book.page() as page:
            for each in self.cards(key):
                self.keys.take_back(page, each)
            self._note(page, "card/lost", key, key.holder)
        await self.keys.refresh()

    def _standing(self, key: EKey, kind: CredentialKind) -> list[Credential]:
        return [
            each
            for each, owner in self.keys.credentials()
            if owner.id == key.id and each.kind is kind
        ]

    def pin(self, key: EKey) -> Awaitable[str]:
        """Read the key's PIN for its holder's eyes."""
        return self.keys.reveal(self.given(key)[0], key.holder)

    def _forgettable(self, before: datetime) -> list[tuple[EKey, list[Credential]]]:
        found = []
        for key in self.keys.every():
            given = self.given(key)
            cleared = all(each.state in DONE for each in given)
            ended = key.ends < before and not key.resident
            if ended and cleared and key.label:
                found.append((key, given))
        return found

    async def _give(self, page: Page, key: EKey, doors: Collection[Door]) -> None:
        locks = [door.lock for door in doors]
        pin = self.pins.fresh(locks)
        sealed = await self.keys.seal(key.holder, pin)
        for lock in locks:
            slot = self.pins.slot(lock, resident=key.resident)
            state = CredentialState.WAITING if slot else CredentialState.KEPT_HERE
            digest = self.keys.digest(lock, pin)
            self.keys.give(page, Credential(key.id, lock, slot, digest, sealed, state))

    def _end_visitors(self, page: Page, doors: Collection[Door]) -> None:
        """End what the landlord gave to a room while nobody lived there."""
        now = self.clock.now()
        for door in doors:
            for other in self.keys.at_door(door.id) if door.room else ():
                if other.kind in VISITORS and not over(other, now):
                    self.revoke(page, other, now)

    async def end_strangers(self, doors: Collection[Door]) -> None:
        """End what landlords gave to rooms where somebody lives.

        It ends when somebody moves in; what is left is of a door that only now counts
        as a room's.
        """
        async with self.book.page() as page:
            self._end_visitors(page, [each for each in doors if self._lived_in(each)])
        await self.keys.refresh()

    def _guests(self, key: EKey) -> int:
        now, given = self.clock.now(), self.keys.issued_by(key.holder)
        return sum(e.kind is KeyKind.GUEST and not over(e, now) for e in given)

    def _lived_in(self, door: Door) -> bool:
        keys = list(self.keys.at_door(door.id))
        living = lives_there(keys, door.id, self.clock.now())
        return door.room is not None and bool(living)

    def _live(self, key: EKey) -> EKey:
        sure = self.clock.trust is Trust.SURE
        since = self.clock.now() if sure else None
        return replace(key, state=KeyState.ACTIVE, since=since)

    def _may_stop(self, key: EKey, by: str, *, agreed: bool) -> None:
        if not may_stop(key, by, self.clock.now(), agreed=agreed):
            raise NotYours("ask who lives there, or show an official paper")

    async def _change(self, key: EKey, to: KeyState, what: str, by: str) -> None:
        async with self.book.page() as page:
            self.keys.change(page, replace(key, state=to), after=key)
            self._note(page, what, key, by)
        await self.keys.refresh()

    def _note(self, page: Page, what: str, key: EKey, by: str) -> None:
        page.note(f"key/{what}", f"{key.id} {by}".encode(), self.salt)


DONE = {CredentialState.CLEARED, CredentialState.KEPT_HERE}
