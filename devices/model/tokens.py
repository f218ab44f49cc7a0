"""E-key tokens as a phone shows them, and what a door reads in one."""

from dataclasses import dataclass, field
from datetime import datetime

from devices.model.keys import EKeyId, Refusal
from devices.model.places import DoorId


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says at a door: for which key, and who must prove to hold it.

    `holder` is an Ed25519 public key (32 bytes); `ids` the revocation ids of its
    blocks, the root's first; `refusal` says why the token alone opens nothing here.
    """

    key: EKeyId
    holder: bytes
    ids: tuple[str, ...]
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a door asks a phone to sign, for a few seconds and once."""

    door: DoorId
    nonce: bytes
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Pass:
    """A token shown without being asked, as in a QR code; lives 15 s, and once."""

    token: bytes = field(repr=False)
    shown_at: datetime
    nonce: bytes
    signature: bytes = field(repr=False)
