"""Reports as they travel (docs/registry-contract.md, version 1)."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Any, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VERSION = 1
LIMIT = 256 * 1024
# What every reader of JSON takes for the number that it is (RFC 8259, 6).
NUMBER_MAX = 2**53 - 1
NUMBER_DIGITS = len(str(NUMBER_MAX))
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
INFO = b"lodge report v1 "


class WireError(Exception):
    """A report or receipt that is not what it claims to be; the reason says which."""


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report, version 1."""
    text = (files("cloud_sync") / "schemas" / "report-v1.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: JSON, sorted keys, no spaces, UTF-8.

    Raises WireError where a text holds half of a surrogate pair.
    """
    try:
        return json.dumps(
            content, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    except UnicodeEncodeError as error:
        raise WireError("half a character") from error


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical bytes, in hex."""
    return sha256(canonical(content)).hexdigest()


def fingerprint(key: Ed25519PublicKey | X25519PublicKey) -> str:
    """Return a public key's name: the first 20 bytes of its SHA-256, in fours."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = sha256(raw).hexdigest()[:40]
    return " ".join(text[start : start + 4] for start in range(0, 40, 4))


def text_of(raw: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(raw).decode()


def bytes_of(text: object) -> bytes:
    """Return the bytes that base64 text stands for; raise WireError if it is none."""
    if not isinstance(text, str):
        raise WireError("expected base64 text")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # not ASCII, or not base64
        raise WireError("not base64") from error


@dataclass(frozen=True, slots=True)
class Key:
    """The idempotency key of a delivery: one effect each, however often it is sent."""

    box: str
    epoch: str
    registration: str
    version: int
    profile: str

    def __str__(self) -> str:
        parts = (self.box, self.epoch, self.registration, self.version, self.profile)
        return "/".join(str(part) for part in parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key back; raise WireError if it is not five parts."""
        match text.split("/"):
            case [box, epoch, registration, version, profile] if _number(version):
                return cls(box, epoch, registration, int(version), profile)
        raise WireError("key: expected box/epoch/registration/version/profile")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A report sealed to one station and signed by one box."""

    key: Key
    sequence: int
    station: str
    sealed: bytes = field(repr=False)
    signature: bytes = field(repr=False, default=b"")

    def signed(self) -> dict[str, Any]:
        """Return what the signature covers."""
        return {
            "v": VERSION,
            "key": str(self.key),
            "sequence": self.sequence,
            "station": self.station,
            "sealed": text_of(self.sealed),
        }

    def encode(self) -> bytes:
        """Return the bytes that travel."""
        return canonical({**self.signed(), "signature": text_of(self.signature)})

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read an envelope; raise WireError with the reason."""
        match content_of(raw):
            case {
                "v": 1,
                "key": str(key),
                "sequence": int(sequence),
                "station": str(station),
                "sealed": sealed,
                "signature": signature,
                **rest,
            } if not rest:
                return cls(
                    Key.parse(key),
                    sequence,
                    station,
                    bytes_of(sealed),
                    bytes_of(signature),
                )
        raise WireError("not an envelope of version 1")


@dataclass(frozen=True, slots=True)
class Addressee:
    """A station's sealing key and the name it goes by."""

    public: X25519PublicKey

    @property
    def name(self) -> str:
        """The fingerprint by which a box says which key it sealed to."""
        return fingerprint(self.public)


def seal(
    report: Mapping[str, Any],
    place: tuple[Key, int],
    to: Addressee,
    by: Ed25519PrivateKey,
) -> Envelope:
    """Seal a report (HPKE, RFC 9180, base mode) and sign the envelope (Ed25519)."""
    key, sequence = place
    sealed = SUITE.encrypt(canonical(report), to.public, info=INFO + str(key).encode())
    bare = Envelope(key, sequence, to.name, sealed)
    signature = by.sign(canonical(bare.signed()))
    return Envelope(key, sequence, to.name, sealed, signature)


def unseal(
    envelope: Envelope, by: Ed25519PublicKey, key: X25519PrivateKey
) -> dict[str, Any]:
    """Check who sent an envelope and open it; raise WireError with the reason."""
    try:
        by.verify(envelope.signature, canonical(envelope.signed()))
    except InvalidSignature as error:
        raise WireError("signature: not by the box it names") from error
    if envelope.station != fingerprint(key.public_key()):
        raise WireError("station: sealed to another key")
    try:
        info = INFO + str(envelope.key).encode()
        plain = SUITE.decrypt(envelope.sealed, key, info=info)
    except InvalidTag as error:
        raise WireError("sealed: does not open with this key") from error
    return content_of(plain)


def pairing_signed(box: bytes, signing: bytes, sealing: bytes) -> bytes:
    """Return the bytes that a station signs when a box joins: all three public keys."""
    keys = {"box": box, "signing": signing, "sealing": sealing}
    return canonical({"v": VERSION, **{name: text_of(k) for name, k in keys.items()}})


def joining(box: str, key: bytes, tls: str) -> list[bytes]:
    """Return what a box proves to know the code over: its name and key, whom it met."""
    return [b"box", box.encode(), key, *([tls.encode()] if tls else [])]


def proof(code: str, *parts: bytes) -> str:
    """Prove to know a pairing code over some bytes (HMAC-SHA256, hex)."""
    normal = code.replace("-", "").replace(" ", "").upper().encode()
    return hmac.digest(normal, b"\0".join(parts), sha256).hex()


def proves(code: str, claimed: str, *parts: bytes) -> bool:
    """Say whether a proof was made with the code, in constant time."""
    return hmac.compare_digest(proof(code, *parts).encode(), claimed.encode())


def _number(text: str) -> bool:
    """Say whether a text is a version: a number that every database can keep."""
    digits = text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS
    return digits and int(text) <= NUMBER_MAX


def content_of(raw: bytes) -> dict[str, Any]:
    """Read a JSON object of bounded length; raise WireError with the reason."""
    if len(raw) > LIMIT:
        raise WireError(f"longer than {LIMIT} bytes")
    try:
        content = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error
    if not isinstance(content, dict):
        raise WireError("not a JSON object")
    return content


def _no_number(name: str) -> float:
    raise ValueError(name)
