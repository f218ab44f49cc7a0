"""OSDP frames (IEC 60839-11-5, 5.9): found in a stream, made, and told apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

SOM = 0x53
REPLY = 0x80
BROADCAST = 0x7F
HEAD = 5
SHORTEST = 7
# The standard's largest packet; what claims to be longer is noise.
LONGEST = 1440
CRC, SECURE = 0x04, 0x08
SEQUENCE = 0x03
# Commands and replies (annex A); the challenge and its answer share a number.
POLL, ACK, NAK, ABILITIES, CHALLENGE = 0x60, 0x40, 0x41, 0x46, 0x76
# What a reader says of itself in threes (annex B): function, level, how many.
SECURES = 9


class Nak(Enum):
    """Why a reader refuses (6.3)."""

    NONE = 0
    BAD_CHECK = 1
    BAD_LENGTH = 2
    UNKNOWN_COMMAND = 3
    BAD_SEQUENCE = 4
    NO_SECURITY_BLOCK = 5
    ENCRYPTION_REQUIRED = 6
    BIOMETRIC_TYPE = 7
    BIOMETRIC_FORMAT = 8
    RECORD = 9
    OTHER = 255


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: whose address, which way, what for.

    `block` is the security block (type, then its data), empty where there is none;
    `data` is still encrypted where the block says so.
    """

    address: int
    code: int
    data: bytes = field(repr=False, default=b"")
    reply: bool = False
    sequence: int = 0
    block: bytes = b""
    crc: bool = True

    def encode(self) -> bytes:
        """Return the frame's bytes, start mark to check."""
        block = bytes([len(self.block) + 1]) + self.block if self.block else b""
        body = block + bytes([self.code]) + self.data
        length = HEAD + len(body) + (2 if self.crc else 1)
        control = self.sequence & SEQUENCE
        control |= CRC if self.crc else 0
        control |= SECURE if block else 0
        way = REPLY if self.reply else 0
        head = bytes([SOM, self.address | way, length & 0xFF, length >> 8, control])
        return head + body + _check(head + body, crc=self.crc)

    @property
    def nak(self) -> Nak | None:
        """Why a reader refuses, where it does."""
        if not self.reply or self.code != NAK or not self.data:
            return None
        known = {each.value for each in Nak}
        return Nak(self.data[0]) if self.data[0] in known else Nak.OTHER


@dataclass(slots=True)
class Frames:
    """Finds frames in a stream; `noise` counts the bytes that belong to none."""

    noise: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take a chunk and yield every frame that is now whole.

        A start mark in noise may claim more than ever comes: a whole frame behind it
        is taken as soon as its check is right.
        """
        self._buffer += chunk
        start, waits = 0, None
        while (start := self._buffer.find(SOM, start)) >= 0:
            frame, end = _parse(self._buffer, start, sure=waits is None)
            if frame is not None:
                self._drop(start, frame_bytes=end - start)
                start, waits = 0, None
                yield frame
                continue
            if end > len(self._buffer) and waits is None:
                waits = start
            start += 1
        self._drop(len(self._buffer) if waits is None else waits)

    def _drop(self, noise: int, frame_bytes: int = 0) -> None:
        # The driver byte that wakes some lines stands before a frame and is no noise.
        self.noise += sum(each != 0xFF for each in self._buffer[:noise])  # noqa: PLR2004
        del self._buffer[: noise + frame_bytes]


def _parse(buffer: bytearray, start: int, *, sure: bool) -> tuple[Frame | None, int]:
    """Return the frame at a start mark and its end; no frame where it is none.

    An end past the buffer says that more has to come. Behind a mark that still waits,
    only a frame with a CRC is believed: a checksum is right by chance too often.
    """
    head = buffer[start : start + HEAD]
    if len(head) < HEAD:
        return None, start + HEAD
    length, crc = head[2] | head[3] << 8, bool(head[4] & CRC)
    if not SHORTEST <= length <= LONGEST or not (crc or sure):
        return None, start
    end = start + length
    if len(buffer) < end:
        return None, end
    frame = _checked(bytes(buffer[start:end]), crc=crc)
    return frame, end if frame else start


def _checked(raw: bytes, *, crc: bool) -> Frame | None:
    size = 2 if crc else 1
    body, check = raw[:-size], raw[-size:]
    _, address, _, _, control = raw[:HEAD]
    if check != _check(body, crc=crc):
        return None
    block, rest = b"", body[HEAD:]
    if control & SECURE:
        if not rest or not 2 <= rest[0] < len(rest):  # noqa: PLR2004 - its own length
            return None
        block, rest = rest[1 : rest[0]], rest[rest[0] :]
    if not rest:
        return None
    way = bool(address & REPLY)
    known = (address & ~REPLY, rest[0], rest[1:], way, control & SEQUENCE, block, crc)
    return Frame(*known)


def _check(raw: bytes, *, crc: bool) -> bytes:
    if not crc:
        return bytes([-sum(raw) & 0xFF])
    value = 0x1D0F  # CRC-16 of annex C: polynomial 0x1021, this start, no reflection
    for byte in raw:
        value = TABLE[(value >> 8) ^ byte] ^ (value << 8) & 0xFFFF
    return value.to_bytes(2, "little")


def _row(index: int) -> int:
    value = index << 8
    for _ in range(8):
        value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


TABLE = tuple(_row(index) for index in range(256))
