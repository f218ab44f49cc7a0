"""What a station signs: receipts, refusals, the time, and the TLS keys it serves by."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol, Self, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud_sync.wire import (
    VERSION,
    Key,
    WireError,
    bytes_of,
    canonical,
    content_of,
    text_of,
)


class Word(Protocol):
    """Something that a station signed."""

    @property
    def signature(self) -> bytes: ...
    def signed(self) -> dict[str, Any]: ...


Told = TypeVar("Told", bound=Word)


def _checked(word: Told, by: Ed25519PublicKey) -> Told:
    """Return a word whose signature is good; raise WireError."""
    try:
        by.verify(word.signature, canonical(word.signed()))
    except InvalidSignature as error:
        raise WireError("not signed by the station") from error
    return word


def _whole(word: Word) -> dict[str, Any]:
    """Return a word as it travels, its signature with it."""
    return {**word.signed(), "signature": text_of(word.signature)}


@dataclass(frozen=True, slots=True)
class SignedTime:
    """A station's signed word for the present instant, to one question's nonce."""

    nonce: str
    at: str
    signature: bytes = field(repr=False, default=b"")

    def signed(self) -> dict[str, Any]:
        """Return what the signature covers."""
        return {"v": VERSION, "nonce": self.nonce, "at": self.at}

    def by(self, key: Ed25519PrivateKey) -> Self:
        """Return the time with the station's signature."""
        return type(self)(self.nonce, self.at, key.sign(canonical(self.signed())))

    def encode(self) -> bytes:
        """Return the bytes that travel."""
        return canonical(_whole(self))

    @classmethod
    def decode(cls, raw: bytes, nonce: str, by: Ed25519PublicKey) -> datetime:
        """Read the time told to a nonce and check its signature; raise WireError."""
        match content_of(raw):
            case {"v": 1, "nonce": str(told), "at": str(at), "signature": signature}:
                found = cls(told, at, bytes_of(signature))
            case _:
                raise WireError("not a signed time")
        _checked(found, by)
        try:
            instant = datetime.fromisoformat(found.at)
        except ValueError as error:
            raise WireError("the time is none") from error
        if found.nonce != nonce or instant.tzinfo is None:
            raise WireError("the time answers another question")
        return instant.astimezone(UTC)


def key_name(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate's public key (SPKI, RFC 7469 2.4), in hex."""
    spki = certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(spki).hexdigest()


@dataclass(frozen=True, slots=True)
class ServedKeys:
    """A station's signed word for the TLS keys it serves by, to one question's nonce.

    `tls` are names of keys (`key_name`). A successor needs no more than this.
    """

    nonce: str
    tls: tuple[str, ...]
    at: str
    signature: bytes = field(repr=False, default=b"")

    def signed(self) -> dict[str, Any]:
        """Return what the signature covers."""
        told = {"v": VERSION, "nonce": self.nonce, "at": self.at}
        return {**told, "tls": list(self.tls)}

    def by(self, key: Ed25519PrivateKey) -> Self:
        """Return the keys with the station's signature."""
        signature = key.sign(canonical(self.signed()))
        return type(self)(self.nonce, self.tls, self.at, signature)

    def encode(self) -> bytes:
        """Return the bytes that travel."""
        return canonical(_whole(self))

    @classmethod
    def read(cls, raw: bytes, nonce: str) -> Self:
        """Read what was told to a nonce, by whomever; raise WireError."""
        match content_of(raw):
            case {
                "v": 1,
                "nonce": str(told),
                "at": str(at),
                "tls": [*keys],
                "signature": signature,
            } if told == nonce and all(isinstance(each, str) for each in keys):
                return cls(told, tuple(keys), at, bytes_of(signature))
        raise WireError("not a station's TLS keys, or those to another question")

    @classmethod
    def decode(cls, raw: bytes, nonce: str, by: Ed25519PublicKey) -> tuple[str, ...]:
        """Read the keys told to a nonce and check the signature; raise WireError."""
        return _checked(cls.read(raw, nonce), by).tls


@dataclass(frozen=True, slots=True)
class Receipt:
    """A station's signed word that a report has its effect."""

    key: Key
    report: str
    received_at: str
    station: str
    signature: bytes = field(repr=False, default=b"")

    def signed(self) -> dict[str, Any]:
        """Return what the signature covers."""
        return {
            "v": VERSION,
            "key": str(self.key),
            "report": self.report,
            "received_at": self.received_at,
            "station": self.station,
        }

    def by(self, key: Ed25519PrivateKey) -> Self:
        """Return the receipt with the station's signature."""
        signature = key.sign(canonical(self.signed()))
        return type(self)(
            self.key, self.report, self.received_at, self.station, signature
        )

    def encode(self) -> bytes:
        """Return the bytes that travel."""
        return canonical(_whole(self))

    @classmethod
    def decode(cls, raw: bytes, by: Ed25519PublicKey) -> Self:
        """Read a receipt and check its signature; raise WireError with the reason."""
        match content_of(raw):
            case {
                "v": 1,
                "key": str(key),
                "report": str(report),
                "received_at": str(received_at),
                "station": str(station),
                "signature": signature,
            }:
                receipt = cls(
                    Key.parse(key), report, received_at, station, bytes_of(signature)
                )
            case _:
                raise WireError("not a receipt of version 1")
        return _checked(receipt, by)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A station's signed word that what it was asked has no effect, and why.

    `asked` is the SHA-256 of the bytes that it was asked, in hex; `kind` the problem's.
    """

    asked: str
    kind: str
    at: str
    station: str
    signature: bytes = field(repr=False, default=b"")

    def signed(self) -> dict[str, Any]:
        """Return what the signature covers."""
        return {
            "v": VERSION,
            "refused": self.asked,
            "kind": self.kind,
            "at": self.at,
            "station": self.station,
        }

    def by(self, key: Ed25519PrivateKey) -> Self:
        """Return the refusal with the station's signature."""
        signature = key.sign(canonical(self.signed()))
        return type(self)(self.asked, self.kind, self.at, self.station, signature)

    def document(self) -> dict[str, Any]:
        """Return what travels within the problem."""
        return _whole(self)

    @classmethod
    def read(cls, told: object, asked: bytes, by: Ed25519PublicKey) -> Self:
        """Read the refusal of what was asked, and check who signs it.

        Raises WireError, also where something else was refused.
        """
        match told:
            case {
                "v": 1,
                "refused": str(refused),
                "kind": str(kind),
                "at": str(at),
                "station": str(station),
                "signature": signature,
            }:
                found = cls(refused, kind, at, station, bytes_of(signature))
            case _:
                raise WireError("not a refusal of version 1")
        _checked(found, by)
        if found.asked != sha256(asked).hexdigest():
            raise WireError("the refusal is of something else")
        return found
