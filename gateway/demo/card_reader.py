"""An ID-card reader with a card on it, simulated: the other end of the box's codec."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from firmware_bridge.idcard import frames
from gateway.demo.reader import virtual_line

TEXT, PICTURE = 256, 1024
TICK = 0.002


# What a request is answered with a card and without one (domain.md, 5).
ANSWERS = {
    frames.FIND: (frames.FOUND, frames.NOBODY, bytes(4)),
    frames.SELECT: (frames.DONE, frames.NOT_SELECTED, bytes(8)),
    frames.READ: (frames.DONE, frames.NOT_READ, b""),
}


class Mood(Enum):
    """How the reader behaves."""

    GOOD = "good"
    SLOW = "slow"
    NOISY = "noisy"
    BROKEN_CHECK = "broken_check"
    WRONG_LENGTH = "wrong_length"
    REMOVED_TOO_SOON = "removed_too_soon"
    SILENT = "silent"


def resident(name: str, number: str, until: str = "长期") -> bytes:
    """Lay out the text of a resident card (synthetic; nobody's)."""
    return b"".join(
        (
            _field(name, 30),
            _field("1", 2),
            _field("01", 4),
            _field(number[6:14], 16),
            _field("示范路1号", 70),
            _field(number, 36),
            _field("示范公安局", 30),
            _field("20200101", 16),
            _field(until, 16),
            bytes(36),
        )
    )


def _field(text: str, size: int) -> bytes:
    return text.ljust(size // 2).encode("utf-16-le")[:size]


@dataclass(slots=True)
class SimulatedCardReader:
    """Answers find, select and read.

    It `fails` and `misses` a card that is there so many times before it behaves.
    """

    text: bytes = field(repr=False)
    mood: Mood = Mood.GOOD
    fails: int = 0
    misses: int = 0
    there: bool = True
    end: int = -1
    path: str = ""
    asked: list[frames.Request] = field(default_factory=list)
    _selected: bool = False

    def __post_init__(self) -> None:
        self.end, self.path = virtual_line()

    async def run(self) -> None:
        """Answer for ever."""
        heard = frames.Frames()
        while True:
            try:
                raw = os.read(self.end, 256)
            except OSError:
                raw = b""
            for body in heard.feed(raw):
                if (asked := frames.request(bytes(body))) is not None:
                    self.asked.append(asked)
                    await self._answer(asked)
            await asyncio.sleep(TICK)

    async def _answer(self, asked: frames.Request) -> None:
        if self.mood is Mood.SLOW:
            await asyncio.sleep(0.5)
        for piece in self._spoilt(self._reply(asked).encode()):
            try:
                os.write(self.end, piece)
            except OSError:
                return

    def _reply(self, asked: frames.Request) -> frames.Reply:
        if asked not in {frames.FIND, frames.SELECT, frames.READ}:
            return frames.Reply(0x21)
        selected, self._selected = self._selected, asked == frames.SELECT
        if asked == frames.FIND and self.misses:
            self.misses -= 1
            return frames.Reply(frames.NOBODY)
        good, bad, data = ANSWERS[asked]
        if not self.there or (asked == frames.READ and not selected):
            return frames.Reply(bad)
        if asked == frames.SELECT:
            self.there = self.mood is not Mood.REMOVED_TOO_SOON
        if asked == frames.READ:
            sizes = TEXT.to_bytes(2) + PICTURE.to_bytes(2)
            data = sizes + self.text + b"\xa5" * PICTURE
        return frames.Reply(good, bytearray(data))

    def _spoilt(self, raw: bytes) -> Iterator[bytes]:
        if self.mood is Mood.SILENT:
            return
        if self.fails:
            self.fails -= 1
            match self.mood:
                case Mood.BROKEN_CHECK:
                    raw = raw[:-1] + bytes([raw[-1] ^ 1])
                case Mood.WRONG_LENGTH:
                    raw = raw[:5] + b"\x0f\xff" + raw[7:]
        if self.mood is Mood.NOISY:
            yield b"\xaa\xaa\xaa\x96" + os.urandom(8)
        yield raw[: len(raw) // 2]
        yield raw[len(raw) // 2 :]
