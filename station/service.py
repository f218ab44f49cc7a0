"""Intake: a report has one effect, however often it comes, and gets its receipt."""

import asyncio
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.signed import Receipt
from cloud_sync.wire import (
    Envelope,
    WireError,
    digest,
    fingerprint,
    joining,
    proves,
    unseal,
)
from ledger.book import Book
from ledger.clock import Clock
from ledger.errors import Conflict
from porch.accounts import new_code
from station.model import (
    AddressHeld,
    Admission,
    Box,
    Change,
    Claim,
    CodeUnknown,
    Held,
    KeyReused,
    Kind,
    ReportUnfit,
    Seen,
    TooFast,
)
from station.ports import Announce, Boxes, Fits, Occupancy, Reports, Sightings
from station.rules import occupant_of, told

PROFILE = "police"
CODE_LIVES = timedelta(hours=1)
COUNTER, SEEN_DIGITS = "counter", 8
FORGETS = 300.0
# What a box may report at once after an outage, and from then on in a second.
BURST, A_SECOND = 500, 5.0


@dataclass(frozen=True, slots=True)
class StationKeys:
    """The keys by which the station signs receipts and opens reports."""

    signing: Ed25519PrivateKey
    sealing: X25519PrivateKey
    salt: bytes

    @property
    def fingerprint(self) -> str:
        """What an officer reads aloud when a box joins."""
        return fingerprint(self.signing.public_key())


@dataclass(slots=True)
class Pace:
    """How many reports each box may send: a burst, and so many in a second after it."""

    left: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def take(self, box: str, now: datetime) -> None:
        """Count a report; raise TooFast where the box sends more than it may."""
        left, at = self.left.get(box, (float(BURST), now))
        left = min(float(BURST), left + (now - at).total_seconds() * A_SECOND)
        if left < 1:
            self.left[box] = (left, now)
            raise TooFast("a box sends more than it may; it tries again later")
        self.left[box] = (left - 1, now)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes reports from admitted boxes."""

    book: Book
    keys: StationKeys
    boxes: Boxes
    reports: Reports
    occupancy: Occupancy
    fits: Fits
    announce: Announce
    clock: Clock
    pace: Pace = field(default_factory=Pace)

    async def take(self, raw: bytes) -> Receipt:
        """Take a sealed report; return its receipt, the same one every time.

        Raises WireError, BoxUnknown, ReportUnfit or KeyReused; nothing is kept then.
        AddressHeld and TooFast are for later.
        """
        envelope = Envelope.decode(raw)
        box = await self.boxes.find(envelope.key.box)
        signer = Ed25519PublicKey.from_public_bytes(box.key)
        report = unseal(envelope, signer, self.keys.sealing)
        self.fits(report)
        _belongs(envelope, report)
        self.pace.take(box.id, self.clock.now())
        told = digest(report)
        try:
            return await self._keep(envelope, report, told)
        except AddressHeld:
            async with self.book.page() as page:
                self.boxes.hold(page, box.id, _where(report))
            raise
        except Conflict:
            known = await self._known(envelope, told)
            if known is None:
                raise
            return known

    async def _known(self, envelope: Envelope, told: str) -> Receipt | None:
        found = await self.reports.receipt(str(envelope.key))
        if found is None:
            return None
        before, receipt = found
        if before != told:
            raise KeyReused("another report came under this key")
        return Receipt.decode(receipt, self.keys.signing.public_key())

    async def _keep(
        self, envelope: Envelope, report: dict[str, Any], told: str
    ) -> Receipt:
        at = self.clock.now().isoformat()
        bare = Receipt(envelope.key, told, at, self.keys.fingerprint)
        receipt = bare.by(self.keys.signing)
        box = envelope.key.box
        async with self.book.page() as page:
            self.boxes.claim(page, box, _where(report))
            self.reports.keep(page, str(envelope.key), told, receipt.encode())
            self.occupancy.apply(page, box, report, occupant_of(box, report))
            page.note("report", receipt.encode(), self.keys.salt)
        self.announce(
            Change(
                kind=Kind(report["kind"]),
                house=report["house"]["id"],
                room=report["house"]["room"],
                registration=report["registration"],
                recorded_at=report["recorded_at"],
                occupants=await self.occupancy.count(),
            )
        )
        return receipt


@dataclass(frozen=True, slots=True)
class Admitting:
    """Lets boxes join by codes that an officer issues."""

    book: Book
    keys: StationKeys
    boxes: Boxes
    clock: Clock

    async def admit(self, label: str, by: str = "operator") -> Admission:
        """Issue a one-time code of 80 random bits, good for an hour."""
        admission = Admission(new_code(), label, self.clock.now() + CODE_LIVES)
        async with self.book.page() as page:
            self.boxes.admit(page, admission)
            page.note("box/admission", f"{label} {by}".encode(), self.keys.salt)
        return admission

    async def revoke(self, box: str, by: str) -> None:
        """Take nothing from a box any more; raise BoxUnknown."""
        await self.boxes.find(box)
        async with self.book.page() as page:
            self.boxes.revoke(page, box)
            page.note("box/revoked", f"{box} {by}".encode(), self.keys.salt)

    async def held(self) -> Sequence[Held]:
        """List the houses whose reports wait: another box reports them as well."""
        return await self.boxes.held()

    async def share(self, box: str, where: tuple[str, str], by: str) -> None:
        """Let a box report a house beside the one that did first."""
        async with self.book.page() as page:
            self.boxes.share(page, box, where)
            told = f"{box} {' '.join(where)} {by}".encode()
            page.note("box/address", told, self.keys.salt)

    async def looked(self, by: str, what: str) -> None:
        """Keep that an officer looked at what is registered."""
        async with self.book.page() as page:
            page.note(f"looked/{what}", by.encode(), self.keys.salt)

    async def join(self, told: tuple[str, bytes, str], claimed: str) -> Admission:
        """Let a box (name, key, TLS key that it met) join that knows an open code.

        The code is used up. Raises CodeUnknown otherwise, and says no more than that.
        """
        box, key, _ = told
        now = self.clock.now()
        for admission in await self.boxes.open():
            good = proves(admission.code, claimed, *joining(*told))
            if good and now < admission.expires:
                joined = Box(box, key, admission.label, now)
                async with self.book.page() as page:
                    self.boxes.join(page, joined, admission.code)
                    page.note("box", box.encode() + key, self.keys.salt)
                return admission
        raise CodeUnknown("no open admission has this code")

    async def every(self) -> Sequence[Box]:
        """List the boxes that joined."""
        return await self.boxes.every()


@dataclass(frozen=True, slots=True)
class Counter:
    """An officer saw somebody: a code says so to the box in which he enrols.

    What is kept is a digest under the station's own salt, for an hour.
    """

    book: Book
    keys: StationKeys
    boxes: Boxes
    sightings: Sightings
    clock: Clock

    async def see(self, claim: Claim) -> Seen:
        """Give a code for whom the officer has before him."""
        code = f"{secrets.randbelow(10**SEEN_DIGITS):0{SEEN_DIGITS}}"
        seen = Seen(code, self.clock.now() + CODE_LIVES)
        async with self.book.page() as page:
            self.sightings.put(page, self._digest(claim, code), seen.expires)
            page.note("counter/seen", self._digest(claim, code), self.keys.salt)
        return seen

    async def asked(self, envelope: Envelope) -> dict[str, Any]:
        """Open what an admitted box asks; raise WireError or BoxUnknown."""
        box = await self.boxes.find(envelope.key.box)
        signer = Ed25519PublicKey.from_public_bytes(box.key)
        asked = unseal(envelope, signer, self.keys.sealing)
        if envelope.key.profile != COUNTER:
            raise WireError("key: names another profile")
        return asked

    async def confirm(self, envelope: Envelope, asked: dict[str, Any]) -> Receipt:
        """Answer a box about a person and his code; raise WireError or NotSeen.

        The same box may ask again about the same person: its answer may have been lost.
        """
        try:
            claim = Claim(*(str(asked[name]) for name in ("kind", "name", "number")))
            about = self._digest(claim, str(asked["code"]))
        except KeyError as error:
            raise WireError("a question lacks a member") from error
        now = self.clock.now()
        async with self.book.page() as page:
            self.sightings.use(page, about, str(envelope.key), now)
            page.note("counter/told", str(envelope.key).encode(), self.keys.salt)
        bare = Receipt(
            envelope.key, digest(asked), now.isoformat(), self.keys.fingerprint
        )
        return bare.by(self.keys.signing)

    async def forget_over(self) -> None:
        """Forget whom the counter saw an hour ago and longer."""
        async with self.book.page() as page:
            self.sightings.forget(page, self.clock.now())

    async def run(self) -> None:
        """Forget them in time, for ever."""
        while True:
            await self.forget_over()
            await asyncio.sleep(FORGETS)

    def _digest(self, claim: Claim, code: str) -> bytes:
        return hmac.digest(self.keys.salt, told(claim, code), sha256)


def _where(report: dict[str, Any]) -> tuple[str, str]:
    """Return what a house is known by to a station: area code and address."""
    return report["house"]["area"], report["house"]["addr"]


def _belongs(envelope: Envelope, report: dict[str, Any]) -> None:
    key = envelope.key
    named = (key.registration, key.version, key.profile)
    if named != (report["registration"], report["version"], PROFILE):
        raise ReportUnfit([{"field": "key", "why": "names another registration"}])
