"""By which key a reader answers the secure channel's challenge (annex D.1.3)."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

# SCBK-D: what every reader comes with, and everybody knows.
DEFAULT_KEY = bytes(range(0x30, 0x40))
# The challenge's security block that asks for it (SCS_11).
BY_DEFAULT = bytes([0x11, 0])
RANDOM = 8
UID = 8


@dataclass(frozen=True, slots=True)
class Station:
    """A reader as it is spoken to: its address, its key, whether that is news to it."""

    address: int
    key: bytes = field(repr=False)
    installing: bool = False


def proves(key: bytes, challenge: bytes, answer: bytes) -> bool:
    """Say whether an answer (CCRYPT: UID, RND.B, cryptogram; 32 bytes) is by a key.

    `key` is 16 bytes, `challenge` RND.A, 8 bytes.
    """
    head = bytes([0x01, 0x82]) + challenge[:6] + bytes(8)
    told, cryptogram = answer[UID : UID + RANDOM], answer[UID + RANDOM :]
    session = _aes(key, head)
    return len(told) == RANDOM and _aes(session, challenge + told) == cryptogram


def _aes(key: bytes, block: bytes) -> bytes:
    # One block under a key of its own, as the standard wants it.
    cipher = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    return cipher.update(block) + cipher.finalize()
