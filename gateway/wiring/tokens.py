"""Tokens on a phone or at a shell: made, narrowed and read without a box."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devices.adapters.tokens import narrow
from devices.model.places import DoorId
from ledger.keys import make_secret, read_secret


def make_holder(path: Path) -> str:
    """Make a holder's key in a file of his own; return its public half, in hex."""
    secret = make_secret(path)
    return _public(Ed25519PrivateKey.from_private_bytes(secret)).hex()


def narrowed(
    token: tuple[bytes, bytes],
    mine: Path,
    guest: bytes,
    window: tuple[datetime, datetime],
    doors: Collection[DoorId],
) -> bytes:
    """Narrow a (token, root) with the holder's key in a file; see `narrow`."""
    key = Ed25519PrivateKey.from_private_bytes(read_secret(mine))
    return narrow(token, key, guest, window, doors)


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
