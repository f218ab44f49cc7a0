"""A phone shows a token at a door, and proves that it holds the key named in it."""

import os
from collections import deque
from dataclasses import dataclass, field, replace

from devices.model.errors import NotSo, NotYours
from devices.model.keys import EKey, Refusal, Right, Verdict
from devices.model.places import Door, DoorId, HouseId
from devices.model.tokens import Challenge, Pass, Token
from devices.ports import KeyRing, Tokens
from devices.rules.keys import over
from devices.rules.tokens import (
    NONCE_BYTES,
    answer_to,
    in_time,
    passed,
    signed,
    still_lives,
)
from devices.service.access import Access
from ledger.book import Book
from ledger.clock import Clock, Trust
from ledger.errors import Conflict, LedgerError

# Phones that may stand before a door at once; an older question is forgotten.
OPEN_QUESTIONS = 8


@dataclass(slots=True)
class Showing:
    """Takes tokens at doors; everything that opens goes on through Access."""

    book: Book
    keys: KeyRing
    tokens: Tokens
    access: Access
    salt: bytes
    clock: Clock
    asked: dict[DoorId, deque[Challenge]] = field(default_factory=dict)

    def cut(self, key: EKey, house: HouseId, holder: bytes) -> tuple[bytes, bytes]:
        """Return a token for a key, bound to a phone's key, and its root.

        A phone that was lost is bound anew by cutting again and revoking the old one.
        """
        if over(key, self.clock.now()):
            raise NotSo("this key has ended")
        return self.tokens.cut(key, house, holder), self.tokens.root(house)

    async def bind(
        self, key: EKey, house: HouseId, holder: bytes
    ) -> tuple[bytes, bytes]:
        """Cut a token for a phone; what was cut for an earlier phone opens no more."""
        token, root = self.cut(key, house, holder)
        said = self.tokens.read(token, house, min(key.doors), key.starts)
        async with self.book.page() as page:
            self.keys.bind(page, key, said.ids[0])
            page.note("token/bound", f"{key.id} {said.ids[0]}".encode(), self.salt)
        await self.keys.refresh()
        return token, root

    async def revoke(self, key: EKey, revocation: str, by: str) -> None:
        """Let a token or a guest's narrowed block open nothing any more."""
        if by not in {key.holder, key.issuer}:
            raise NotYours("only its holder or who gave the key can do this")
        async with self.book.page() as page:
            self.keys.revoke_id(page, revocation)
            page.note("token/revoked", f"{key.id} {revocation}".encode(), self.salt)
        await self.keys.refresh()

    def challenge(self, door: DoorId) -> Challenge:
        """Ask whoever stands at a door for an answer, for a few seconds and once."""
        fresh = Challenge(door, os.urandom(NONCE_BYTES), self.clock.now())
        self.asked.setdefault(door, deque(maxlen=OPEN_QUESTIONS)).append(fresh)
        return fresh

    async def answer(
        self, door: Door, nonce: bytes, token: bytes, signature: bytes
    ) -> Verdict:
        """Take a phone's answer to a challenge of this door; open where it is good."""
        open_ = self.asked.get(door.id, deque())
        found = next((each for each in open_ if each.nonce == nonce), None)
        if found is None or not in_time(found, self.clock.now()):
            return await self.access.refuse(door, Refusal.STALE)
        open_.remove(found)
        said = self._read(door, token)
        told = answer_to(door.id, nonce, token)
        return await self._open(door, said, good=signed(said.holder, signature, told))

    async def take(self, door: Door, shown: Pass) -> Verdict:
        """Take a pass that was shown unasked: in its 15 seconds, once, on disk first.

        A clock in doubt cannot tell how old a pass is.
        """
        if self.clock.trust is Trust.UNSURE:
            return await self.access.refuse(door, Refusal.CLOCK_UNSURE)
        if not still_lives(shown.shown_at, self.clock.now()):
            return await self.access.refuse(door, Refusal.STALE)
        said = self._read(door, shown.token)
        told = passed(door.id, shown.token, shown.shown_at, shown.nonce)
        if not signed(said.holder, shown.signature, told):
            return await self._open(door, said, good=False)
        try:
            async with self.book.page() as page:
                self.keys.spend(page, shown.nonce)
        except Conflict:
            return await self.access.refuse(door, Refusal.REPLAYED)
        except LedgerError:
            return await self.access.refuse(door, Refusal.NOT_KEPT)
        return await self._open(door, said, good=True)

    def _read(self, door: Door, token: bytes) -> Token:
        said = self.tokens.read(token, door.house, door.id, self.clock.sure_until)
        gone = self.keys.revoked(said.ids) or not self.keys.bound(said.key, said.ids)
        if said.refusal is None and gone:
            return replace(said, refusal=Refusal.REVOKED)
        return said

    async def _open(self, door: Door, said: Token, *, good: bool) -> Verdict:
        if said.refusal is not None:
            return await self.access.refuse(door, said.refusal)
        if not good:
            return await self.access.refuse(door, Refusal.WRONG_HOLDER)
        asked = self.access.asked(door)
        request = replace(asked, right=Right.SHOWN, proven=said.key)
        return await self.access.unlock(door, request)
