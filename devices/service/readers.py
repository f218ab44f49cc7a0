"""Gives each reader on a serial line a key of its own, once."""

import os
from dataclasses import dataclass, replace

from devices.model.places import LockId
from devices.model.readers import ReaderKey
from devices.ports import ReaderKeys
from ledger.book import Book

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Readers:
    """Makes, keeps and forgets the keys of readers."""

    book: Book
    store: ReaderKeys
    salt: bytes

    async def key(self, lock: LockId) -> ReaderKey:
        """Return a reader's key; a new one is on disk before any reader gets it."""
        found = await self.store.find(lock)
        if found is not None:
            return found
        made = ReaderKey(lock, os.urandom(KEY_BYTES))
        await self._keep(made, "made")
        return made

    async def installed(self, lock: LockId) -> None:
        """Take note that the reader holds its key; no default one counts again."""
        found = await self.store.find(lock)
        if found is not None and not found.installed:
            await self._keep(replace(found, installed=True), "installed")

    async def replace(self, lock: LockId) -> None:
        """Forget a reader's key, as when another reader is hung in its place."""
        async with self.book.page() as page:
            self.store.forget(page, lock)
            page.note("reader/replaced", lock.encode(), self.salt)

    async def _keep(self, key: ReaderKey, what: str) -> None:
        async with self.book.page() as page:
            self.store.keep(page, key)
            page.note(f"reader/{what}", key.lock.encode(), self.salt)
