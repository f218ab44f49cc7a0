"""The station as a registry: HTTP out, signed receipts back."""

import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
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

from cloud_sync.model import Answer, Dispatch, NotPaired, Outcome, PairingRefused
from cloud_sync.wire import (
    Addressee,
    Receipt,
    Refusal,
    SignedTime,
    WireError,
    bytes_of,
    digest,
    fingerprint,
    pairing_signed,
    proof,
    proves,
    seal,
    text_of,
)

ANSWER_WITHIN = 5.0
ACCEPTED = {200, 201}
LATER = {429, 503}
REASON_MAX = 200
UNKNOWN_BOX = "box_unknown"
RAW = (Encoding.Raw, PublicFormat.Raw)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A station that this box was admitted to."""

    url: str
    signing: Ed25519PublicKey
    sealing: X25519PublicKey

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
        return cls(kept["url"], signing, sealing)

    def write(self, path: Path) -> None:
        """Keep the pairing in its file, whole or not at all."""
        kept = {
            "url": self.url,
            "signing": text_of(self.signing.public_bytes(*RAW)),
            "sealing": text_of(self.sealing.public_bytes(*RAW)),
        }
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


@dataclass(slots=True)
class StationRegistry:
    """Fulfils Registry over a station's intake."""

    key: Ed25519PrivateKey
    pairing: Pairing | None = None
    profile: str = "police"
    answer_within: float = ANSWER_WITHIN
    _client: httpx.AsyncClient | None = field(default=None, repr=False)

    async def send(self, dispatch: Dispatch) -> Answer:
        if self.pairing is None:
            return Answer(Outcome.LATER, "not paired with a station")
        place = (dispatch.key, dispatch.sequence)
        to = Addressee(self.pairing.sealing)
        asked = seal(dispatch.report, place, to, self.key).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(dispatch.key),
        }
        try:
            response = await self.connected().post(
                f"{self.pairing.url}/api/v1/reports",
                content=asked,
                headers=headers,
            )
        except httpx.ConnectError:
            return Answer(Outcome.LATER, "the station cannot be reached")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(Outcome.UNKNOWN, f"no answer: {type(error).__name__}")
        return self._read(dispatch, asked, response)

    async def time(self) -> datetime | None:
        """Ask the station for the time; None where it gives no signed answer."""
        if self.pairing is None:
            return None
        nonce = secrets.token_hex(16)
        try:
            response = await self.connected().get(
                f"{self.pairing.url}/api/v1/time", params={"nonce": nonce}
            )
            return SignedTime.decode(response.content, nonce, self.pairing.signing)
        except (httpx.HTTPError, httpx.InvalidURL, WireError):
            return None

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            await self._client.aclose()

    def connected(self) -> httpx.AsyncClient:
        """Return the connection to the station, made when it is first asked for."""
        if self._client is None:
            # Reports are sealed and signed; who answers is known by its receipt.
            self._client = httpx.AsyncClient(
                timeout=self.answer_within,
                verify=False,  # noqa: S501 - said just above
                trust_env=False,
            )
        return self._client

    def refusal(self, asked: bytes, response: httpx.Response) -> Refusal:
        """Read the station's own no to what it was asked; raise WireError."""
        if self.pairing is None:
            raise WireError("not paired with a station")
        try:
            told = response.json()
        except ValueError as error:
            raise WireError("not a problem document") from error
        signed = told.get("refusal") if isinstance(told, dict) else None
        return Refusal.read(signed, asked, self.pairing.signing)

    def _read(
        self, dispatch: Dispatch, asked: bytes, response: httpx.Response
    ) -> Answer:
        if response.status_code in ACCEPTED:
            return self._receipt(dispatch, response.content)
        if response.status_code in LATER:
            pause = response.headers.get("Retry-After", "")
            seconds = float(pause) if pause.isdecimal() else None
            reason = _problem(response)
            return Answer(Outcome.LATER, reason, pause=seconds)
        if response.is_client_error:
            return self._refused(asked, response)
        return Answer(Outcome.UNKNOWN, f"the station failed ({response.status_code})")

    def _refused(self, asked: bytes, response: httpx.Response) -> Answer:
        """Believe a no that the station signed; whose any other is, nobody knows."""
        try:
            refused = self.refusal(asked, response)
        except WireError as error:
            return Answer(Outcome.UNKNOWN, f"refused, unsigned: {error}")
        if refused.kind == UNKNOWN_BOX:
            return Answer(Outcome.LATER, _problem(response))  # it may be admitted again
        return Answer(Outcome.REJECTED, _problem(response))

    def _receipt(self, dispatch: Dispatch, content: bytes) -> Answer:
        assert self.pairing is not None  # noqa: S101 - asked before sending
        try:
            receipt = Receipt.decode(content, self.pairing.signing)
        except WireError as error:
            return Answer(Outcome.UNKNOWN, f"no valid receipt: {error}")
        if receipt.key != dispatch.key or receipt.report != digest(dispatch.report):
            return Answer(Outcome.UNKNOWN, "the receipt is for another report")
        told_at = datetime.fromisoformat(receipt.received_at)
        return Answer(Outcome.ACCEPTED, receipt=content, told_at=told_at)


async def pair(url: str, code: str, box: str, key: Ed25519PrivateKey) -> Pairing:
    """Join a station by the code its officer issued.

    Both sides prove to know the code over the keys they hand over, so nobody between
    them can put in his own. Raises PairingRefused or NotPaired with what to do next.
    """
    public = key.public_key().public_bytes(*RAW)
    asked = {
        "box": box,
        "key": text_of(public),
        "proof": proof(code, b"box", box.encode(), public),
    }
    try:
        async with httpx.AsyncClient(
            timeout=ANSWER_WITHIN,
            verify=False,  # noqa: S501 - the code proves both sides
            trust_env=False,
        ) as client:
            response = await client.post(f"{url}/api/v1/pair", json=asked)
            answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
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
    return Pairing(
        url,
        Ed25519PublicKey.from_public_bytes(signing),
        X25519PublicKey.from_public_bytes(sealing),
    )


def _problem(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return f"refused ({response.status_code})"
    fields = problem.get("errors") if isinstance(problem, dict) else None
    names = [str(each.get("field")) for each in fields or [] if isinstance(each, dict)]
    title = problem.get("title", "") if isinstance(problem, dict) else ""
    return f"{title} {', '.join(names)}".strip()[:REASON_MAX]
