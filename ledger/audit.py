"""The audit chain: each link names the one before, none names a person."""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Note:
    """What a page wants remembered: a kind, and content that only its salt reveals."""

    kind: str
    content: bytes
    salt: bytes

    @property
    def commitment(self) -> str:
        """A salted digest (HMAC-SHA256, hex): proves content, tells nothing of it."""
        return hmac.digest(self.salt, self.content, sha256).hex()


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a writer's chain."""

    writer: str
    epoch: str
    sequence: int
    at: str
    kind: str
    commitment: str
    previous: str
    hash: str


def sealed(
    place: tuple[str, str, int], at: str, note: tuple[str, str], previous: str
) -> Link:
    """Make the link at (writer, epoch, sequence) for (kind, commitment)."""
    body = [*place, at, *note, previous]
    digest = sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()
    return Link(*place, at, *note, previous, digest)


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a chain is whole, and where it first is not."""

    entries: int
    ok: bool
    first_bad: int | None = None


def verify(links: Iterable[Link], head: str) -> Verification:
    """Walk a chain from its first link to the head that the writer remembers."""
    previous, count = GENESIS, 0
    for count, link in enumerate(links, start=1):
        place = (link.writer, link.epoch, count)
        again = sealed(place, link.at, (link.kind, link.commitment), previous)
        if again != link:
            return Verification(count, ok=False, first_bad=count)
        previous = link.hash
    if previous != head:
        return Verification(count, ok=False, first_bad=count + 1)
    return Verification(count, ok=True)
