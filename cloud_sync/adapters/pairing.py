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
    joining,
    pairing_signed,
    proof,
    proves,
    text_of,
)
from ledger.hosts import on_machine

ACCEPTED = {200, 201}
STRANGER = "whoever answers there does not hold the station's TLS key"
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

    Both sides prove to know the code over the keys they hand over, the TLS key among
    them that the box met: nobody between them can put in his own, and where somebody
    tries, the code is still good. Raises PairingRefused or NotPaired with what to do
    next.
    """
    public = key.public_key().public_bytes(*RAW)
    try:
        served = await _served(url)
        # A statement is only worth what its signer is: known once the code was proved.
        asked = {
            "box": box,
            "key": text_of(public),
            "tls": served.met,
            "proof": proof(code, *joining(box, public, served.met)),
        }
        async with StationLine(lambda: {served.met}) as line:
            response = await line.ask("POST", f"{url}/api/v1/pair", json=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotPaired(f"{url}: no answer; check the address and try again") from error
    except WireError as error:
        raise NotPaired(f"{url}: it names no TLS key; update the station") from error
    except StrangeKey as error:
        raise PairingRefused(f"{url}: {error}; look who stands between") from error
    if response.status_code not in ACCEPTED:
        raise PairingRefused("the station refused the code; ask for a new one")
    return _joined(url, code, public, response, served)


def _joined(
    url: str, code: str, box: bytes, response: httpx.Response, served: "_Served"
) -> Pairing:
    """Read a station's yes; raise PairingRefused where it is somebody else's."""
    try:
        answer: Any = response.json()
        signing, sealing = bytes_of(answer["signing"]), bytes_of(answer["sealing"])
        good = proves(code, str(answer["proof"]), b"station", box, signing, sealing)
        # Whoever names a key has to hold it: nobody stands in with another's name.
        signed = pairing_signed(box, signing, sealing)
        named = Ed25519PublicKey.from_public_bytes(signing)
        named.verify(bytes_of(answer["signature"]), signed)
        tls = served.by(named)
        sealed = X25519PublicKey.from_public_bytes(sealing)
    except (
        *(WireError, LookupError, TypeError, ValueError),
        *(RecursionError, InvalidSignature),
    ) as error:
        raise PairingRefused("the station's answer makes no sense") from error
    if not good:
        raise PairingRefused("whoever answered does not know the code; pair nothing")
    return Pairing(url, named, sealed, tls)


@dataclass(frozen=True, slots=True)
class _Served:
    """Which TLS key was met, and what was answered about those of the station."""

    met: str
    nonce: str
    told: bytes

    def by(self, signer: Ed25519PublicKey) -> tuple[str, ...]:
        """Return the keys that a station signs for; raise WireError, StrangeKey."""
        if not self.met:
            return ()
        keys = ServedKeys.decode(self.told, self.nonce, signer)
        if self.met not in keys:
            raise StrangeKey(STRANGER)
        return keys


async def served_keys(url: str, by: Ed25519PublicKey) -> tuple[str, ...]:
    """Ask a station which TLS keys it serves by, whoever is met on the way.

    Its signature tells who answers, and the question's nonce that it is no old answer.
    Returns names (`key_name`); none in plain HTTP, which stays on this machine. Raises
    StrangeKey where whoever was met holds none of them, httpx.HTTPError or WireError.
    """
    return (await _served(url)).by(by)


async def _served(url: str) -> _Served:
    """Meet whoever answers at an address, and ask him which keys a station serves by.

    Raises StrangeKey where he does not even name his own.
    """
    if not url.startswith("https://"):
        if not on_machine(httpx.URL(url).host):
            raise StrangeKey("another machine's address begins with https://")
        return _Served("", "", b"")
    nonce = secrets.token_hex(16)
    async with StationLine(lambda: None) as line:
        asked = {"nonce": nonce}
        response = await line.ask("GET", f"{url}/api/v1/tls", params=asked)
    if line.tls.met not in ServedKeys.read(response.content, nonce).tls:
        raise StrangeKey(STRANGER)
    return _Served(line.tls.met or "", nonce, response.content)
