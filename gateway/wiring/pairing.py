"""Which station the box reports to; another one only with a person's yes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud_sync.adapters.pairing import Pairing, pair
from cloud_sync.adapters.station import StationRegistry
from gateway.web.control import Joined
from ledger.book import Book


@dataclass(slots=True)
class Stations:
    """Joins stations. The first is the operator's to choose.

    Whoever runs the box could otherwise have all that is registered in it reported to a
    station of his own: another one waits until a landlord has compared its fingerprint.
    """

    registry: StationRegistry
    box: str
    path: Path
    book: Book
    salt: bytes
    wake: Callable[[], None]
    _waits: Pairing | None = None

    async def pair(self, url: str, code: str) -> Joined:
        """Join a station by its officer's one-time code."""
        paired = await pair(url, code, self.box, self.registry.key)
        before = self.registry.pairing
        if before is None or before.keys == paired.keys:
            await self._take(paired, "operator")
            return Joined(paired.url, paired.fingerprint, waits=False)
        self._waits = paired
        return Joined(paired.url, paired.fingerprint, waits=True)

    @property
    def waiting(self) -> Joined | None:
        """The station that waits for a landlord's yes."""
        waits = self._waits
        if waits is None:
            return None
        return Joined(waits.url, waits.fingerprint, waits=True)

    async def answer(self, fingerprint: str, by: str, *, good: bool) -> None:
        """Take a landlord's word about the station that waits, as he was shown it."""
        waits = self._waits
        if waits is None or waits.fingerprint != fingerprint:
            return  # the page that he was shown is an older one
        self._waits = None
        if good:
            await self._take(waits, by)

    async def succeed(self, pairing: Pairing) -> None:
        """Keep the TLS keys that the station named in the place of its old ones."""
        async with self.book.page() as page:
            told = f"{pairing.fingerprint} {' '.join(pairing.tls)}"
            page.note("station_tls", told.encode(), self.salt)
        if self.registry.pairing is pairing:  # no other was joined meanwhile
            pairing.write(self.path)

    async def _take(self, paired: Pairing, by: str) -> None:
        async with self.book.page() as page:
            page.note("station", f"{paired.fingerprint} {by}".encode(), self.salt)
        paired.write(self.path)
        self.registry.pairing = paired
        self.wake()
