"""SAM_V frames: preamble, length, body, and the XOR of all from length to body."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

PREAMBLE = bytes.fromhex("AAAAAA9669")
HEAD = len(PREAMBLE) + 2
# The longest answer that is asked for counts 1288; what claims more is noise.
LONGEST = 4096
SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What the module is asked: a command and its parameter."""

    command: int
    parameter: int

    def encode(self) -> bytes:
        """Return the frame's bytes."""
        return framed(bytes([self.command, self.parameter]))


STATUS = Request(0x11, 0xFF)
FIND = Request(0x20, 0x01)
SELECT = Request(0x20, 0x02)
READ = Request(0x30, 0x01)
FOUND, DONE = 0x9F, 0x90
NOBODY, NOT_SELECTED, NOT_READ = 0x80, 0x81, 0x41


@dataclass(frozen=True, slots=True)
class Reply:
    """What the module answers: its last status byte, and what follows it.

    `data` is the frame's own memory, so that whoever reads it can wipe it.
    """

    status: int
    data: bytearray = field(repr=False, default_factory=bytearray)

    def encode(self) -> bytes:
        """Return the frame's bytes."""
        return framed(bytes([0, 0, self.status]) + self.data)


def framed(body: bytes) -> bytes:
    """Put a body into a frame."""
    counted = (len(body) + 1).to_bytes(2) + body
    return PREAMBLE + counted + bytes([reduce(xor, counted)])


@dataclass(slots=True)
class Frames:
    """Finds frames in a stream, whichever way they go; `spoilt` counts bad ones."""

    spoilt: int = 0
    _buffer: bytearray = field(default_factory=bytearray, repr=False)

    def feed(self, chunk: bytes) -> Iterator[bytearray]:
        """Take a chunk and yield the body of every frame that is now whole.

        A length that lies holds nobody up: a whole frame behind it is taken first.
        """
        self._buffer += chunk
        start, waits = 0, None
        while (start := self._buffer.find(PREAMBLE, start)) >= 0:
            body, end = self._parse(start)
            if body is not None:
                self._drop(end)
                start, waits = 0, None
                yield body
                continue
            if end > len(self._buffer) and waits is None:
                waits = start
            start += 1
        whole = len(self._buffer) - len(PREAMBLE) + 1
        self._drop(max(0, whole) if waits is None else waits)

    def clear(self) -> None:
        """Forget what came in and was no frame, and leave nothing of it."""
        self._drop(len(self._buffer))

    def _parse(self, start: int) -> tuple[bytearray | None, int]:
        """Return a frame's body and end; an end past the buffer: more has to come."""
        head = self._buffer[start : start + HEAD]
        if len(head) < HEAD:
            return None, start + HEAD
        length = int.from_bytes(head[-2:])
        if not SHORTEST <= length <= LONGEST:
            return None, start
        end = start + HEAD + length
        if len(self._buffer) < end:
            return None, end
        counted = self._buffer[start + len(PREAMBLE) : end]
        if reduce(xor, counted):
            self.spoilt += 1
            return None, start
        return counted[2:-1], end

    def _drop(self, count: int) -> None:
        self._buffer[:count] = bytes(count)
        del self._buffer[:count]


def request(body: bytes) -> Request | None:
    """Read a body as a request; None where it is none."""
    return Request(*body) if len(body) == 2 else None  # noqa: PLR2004 - its two bytes


def reply(body: bytearray) -> Reply | None:
    """Read a body as a reply; None where it is none. The body keeps no copy."""
    if len(body) < 3:  # noqa: PLR2004 - its three status bytes
        return None
    status = body[2]
    del body[:3]
    return Reply(status, body)
