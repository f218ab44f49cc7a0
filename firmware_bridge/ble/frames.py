"""Messages in chunks that fit a GATT write, and what the messages hold (docs/ble.md).

Both ends share it: the door and the phone that another vendor builds.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

LAST = 0x80
NUMBERS = 0x80
SMALLEST = 20
LONGEST = 4096 + 64 + 16
NONCE = 16
SIGNATURE = 64
SERVICE = "8f3b0001-6b1e-4b6e-9a3e-6c6f64676531"
CHALLENGE = "8f3b0002-6b1e-4b6e-9a3e-6c6f64676531"
ANSWER = "8f3b0003-6b1e-4b6e-9a3e-6c6f64676531"
RESULT = "8f3b0004-6b1e-4b6e-9a3e-6c6f64676531"


def chunks(message: bytes, size: int = SMALLEST) -> Iterator[bytes]:
    """Cut a message into chunks of at most `size` bytes, a number before each."""
    room = size - 1
    count = max(1, -(-len(message) // room))
    for number in range(count):
        part = message[number * room : (number + 1) * room]
        last = LAST if number == count - 1 else 0
        yield bytes([last | number % NUMBERS]) + part


@dataclass(slots=True)
class Joiner:
    """Puts chunks together; a chunk out of turn starts anew, never raises."""

    _parts: bytearray = field(default_factory=bytearray)
    _next: int = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take a chunk and yield the message that is now whole."""
        if not chunk:
            return
        number = chunk[0] & ~LAST
        if number == 0 and self._next % NUMBERS:
            self._clear()
        if number != self._next % NUMBERS or len(self._parts) > LONGEST:
            self._clear()
            return
        self._parts += chunk[1:]
        self._next += 1
        if chunk[0] & LAST:
            whole = bytes(self._parts)
            self._clear()
            if len(whole) <= LONGEST:
                yield whole

    def _clear(self) -> None:
        self._parts, self._next = bytearray(), 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a door asks: its name, and a nonce to be signed."""

    nonce: bytes
    door: str

    def encode(self) -> bytes:
        """Return the value of the challenge characteristic."""
        return self.nonce + self.door.encode()

    @classmethod
    def decode(cls, raw: bytes) -> "Asked":
        """Read the value of the challenge characteristic."""
        return cls(raw[:NONCE], raw[NONCE:].decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Answered:
    """A phone's answer: the nonce it was asked with, its signature, its token."""

    nonce: bytes
    signature: bytes
    token: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the message that is written in chunks."""
        return self.nonce + self.signature + self.token

    @classmethod
    def decode(cls, raw: bytes) -> "Answered | None":
        """Read an answer; None where it is too short to be one."""
        if len(raw) <= NONCE + SIGNATURE:
            return None
        end = NONCE + SIGNATURE
        return cls(raw[:NONCE], raw[NONCE:end], raw[end:])


def result(refusal: str | None) -> bytes:
    """Return what the door says of an answer; the reason where it stays shut."""
    told = {"opened": True} if refusal is None else {"opened": False, "why": refusal}
    return json.dumps(told).encode()
