"""Joining a station, and what is kept of it: its keys, those of its TLS among them."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud_sync.adapters.line import StationLine
from cloud_sync.model import NotPaired, PairingRefused, StrangeKey
from cloud_sync.signed import ServedKeys
from cloud_sync.wire import (
    WireError,
    bytes_of,
    fingerprint,
    pairing_signed,
    proof,
    proves,
    text_of,
)
from ledger.hosts import on_machine

ACCEPTED = {200, 201}
RAW = (Encoding.Raw, PublicFormat.Raw)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A station that this box was admitted to; `tls` names the keys it serves by."""

    url: str
    signing: Ed25519PublicKey
    sealing: X25519PublicKey
    tls: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What both sides read aloud to know that they mean each other."""
        return fingerprint(self.signing)

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """What makes it this station: by what it signs, and what is sealed to it."""
        return self.signing.public_bytes(*RAW), self.sealing.public_bytes(*RAW)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a pairing from its file; None where the box is not paired."""
        if not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        signing = Ed25519PublicKey.from_public_bytes(bytes_of(kept["signing"]))
        sealing = X25519PublicKey.from_public_bytes(bytes_of(kept["sealing"]))
        return cls(kept["url"], signing, sealing, tuple(kept.get("tls", ())))

    def write(self, path: Path) -> None:
        """Keep the pairing in its file, whole or not at all."""
        kept = {
            "url": self.url,
            "signing": text_of(self.signing.public_bytes(*RAW)),
            "sealing": text_of(self.sealing.public_bytes(*RAW)),
            "tls": self.tls,
        }
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


async def pair(url: str, code: str, box: str, key: Ed25519PrivateKey) -> Pairing:
    """Join a station by the code its officer issued.

    Both sides prove to know the code over the keys they hand over, so nobody between
    them can put in his own. Raises PairingRefused or NotPaired with what to do next.
    """
    if url.startswith("http://") and not on_machine(httpx.URL(url).host):
        raise PairingRefused(f"{url}: another machine's address begins with https://")
    public = key.public_key().public_bytes(*RAW)
    asked = {
        "box": box,
        "key": text_of(public),
        "proof": proof(code, b"box", box.encode(), public),
    }
    try:
        # The code proves both sides, so that any TLS key will do.
        async with StationLine(lambda: None) as line:
            response = await line.ask("POST", f"{url}/api/v1/pair", json=asked)
            answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, WireError, ValueError) as error:
        raise NotPaired(f"{url}: no answer; check the address and try again") from error
    if response.status_code not in ACCEPTED:
        raise PairingRefused("the station refused the code; ask for a new one")
    try:
        signing, sealing = bytes_of(answer["signing"]), bytes_of(answer["sealing"])
        good = proves(code, str(answer["proof"]), b"station", public, signing, sealing)
        # Whoever names a key has to hold it: nobody stands in with another's name.
        signed = pairing_signed(public, signing, sealing)
        named = Ed25519PublicKey.from_public_bytes(signing)
        named.verify(bytes_of(answer["signature"]), signed)
    except (WireError, KeyError, ValueError, InvalidSignature) as error:
        raise PairingRefused("the station's answer makes no sense") from error
    if not good:
        raise PairingRefused("whoever answered does not know the code; pair nothing")
    try:
        tls = await served_keys(url, named)
    except (httpx.HTTPError, WireError) as error:
        raise NotPaired(
            f"{url}: it signs for no TLS key; update the station"
        ) from error
    except StrangeKey as error:
        raise PairingRefused(
            f"{url}: {error}; pair where nobody reads on the way"
        ) from error
    return Pairing(url, named, X25519PublicKey.from_public_bytes(sealing), tls)


async def served_keys(url: str, by: Ed25519PublicKey) -> tuple[str, ...]:
    """Ask a station which TLS keys it serves by, whoever is met on the way.

    Its signature tells who answers, and the question's nonce that it is no old answer.
    Returns names (`key_name`); none in plain HTTP, which stays on this machine. Raises
    StrangeKey where whoever was met holds none of them, httpx.HTTPError or WireError.
    """
    if not url.startswith("https://"):
        return ()
    nonce = secrets.token_hex(16)
    async with StationLine(lambda: None) as line:
        asked = {"nonce": nonce}
        response = await line.ask("GET", f"{url}/api/v1/tls", params=asked)
    keys = ServedKeys.decode(response.content, nonce, by)
    if line.tls.met not in keys:
        raise StrangeKey("whoever answers there does not hold the station's TLS key")
    return keys
