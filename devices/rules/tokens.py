"""What is signed to prove that a token's holder shows it, and how long that counts."""

from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from devices.model.places import DoorId
from devices.model.tokens import Challenge

NONCE_BYTES = 16
# A person taps, the phone signs, Bluetooth carries: seconds, not minutes.
ANSWER_WITHIN = timedelta(seconds=10)
PASS_LIVES = timedelta(seconds=15)
PHONE_AHEAD = timedelta(seconds=5)
CHALLENGE = b"lodge challenge 1"
PASS = b"lodge pass 1"


def answer_to(door: DoorId, nonce: bytes, token: bytes) -> bytes:
    """Return the bytes that a phone signs to answer a door's challenge."""
    return b"\0".join((CHALLENGE, door.encode(), nonce, sha256(token).digest()))


def passed(door: DoorId, token: bytes, shown_at: datetime, nonce: bytes) -> bytes:
    """Return the bytes that a phone signs to show a token unasked, to one door."""
    at = shown_at.isoformat(timespec="microseconds").encode()
    return b"\0".join((PASS, door.encode(), at, nonce, sha256(token).digest()))


def in_time(challenge: Challenge, at: datetime) -> bool:
    """Say whether an answer still counts."""
    return challenge.asked_at <= at < challenge.asked_at + ANSWER_WITHIN


def still_lives(shown_at: datetime, at: datetime) -> bool:
    """Say whether a pass still lives; a phone's clock may be a little ahead."""
    return shown_at - PHONE_AHEAD <= at < shown_at + PASS_LIVES


def signed(holder: bytes, signature: bytes, told: bytes) -> bool:
    """Say whether the holder (Ed25519, 32 bytes) signed what was told."""
    try:
        Ed25519PublicKey.from_public_bytes(holder).verify(signature, told)
    except (InvalidSignature, ValueError):
        return False
    return True
