"""A camera as a child process: texts of QR codes come out, frames only when asked for.

The child (`lodge camera`) has devices and network, but no keys and no store. A line out
of it is `text …`, or `frame …` with a JPEG as base64; a line into it, after the source,
is `look SECONDS`.
"""

import asyncio
import base64
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

TEXT, FRAME = "text ", "frame "
# A frame of 640 pixels at this JPEG quality; a text longer than any pass is dropped.
WIDE, QUALITY = 640, 95
LONGEST, LONGEST_TEXT = 1024 * 1024, 16 * 1024
PAUSE = 5.0
# A QR code is in the picture for seconds; one text is told once in a while.
AGAIN_AFTER = 2.0
FRAMES_A_SECOND = 8
# Codes that are looked at in one picture; a wall of them costs no more.
CODES = 4
# The child sees no setting and no key of the box's.
PASSED_ON = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
# Frames that wait for whoever asked; an older one gives way.
WAITING = 4


@dataclass(slots=True)
class Camera:
    """One camera; a camera that is lost comes back.

    The source goes by standard input: its address may hold a password.
    """

    source: str = field(repr=False)
    _child: Process | None = None
    _asked: set[asyncio.Queue[bytes]] = field(default_factory=set)

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the texts that it sees, for ever."""
        while True:
            self._child = await self._begin()
            assert self._child.stdout is not None  # noqa: S101 - asked for in _begin
            try:
                while line := await self._child.stdout.readline():
                    if (text := self._take(line)) is not None:
                        yield text
            except ValueError:
                pass  # a line longer than any frame
            finally:
                if self._child.returncode is None:
                    self._child.kill()
                await self._child.wait()
                self._child = None
            await asyncio.sleep(PAUSE)

    async def frames(self, lasts: float) -> AsyncGenerator[tuple[float, bytes], None]:
        """Yield its frames with their seconds from now on; none while it is lost.

        Somebody has to draw its texts meanwhile.
        """
        queue: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._asked.add(queue)
        began = time.monotonic()
        try:
            self._say(f"look {lasts:.1f}")
            # The time is up for a frame, never for whoever measures it meanwhile.
            while (left := began + lasts - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(left):
                        raw = await queue.get()
                except TimeoutError:
                    return
                yield time.monotonic() - began, raw
        finally:
            self._asked.discard(queue)
            if not self._asked:
                self._say("look 0")

    def _take(self, line: bytes) -> str | None:
        if line.startswith(FRAME.encode()):
            raw = base64.b64decode(line[len(FRAME) :])
            for queue in self._asked:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(raw)
            return None
        text = line.decode(errors="replace").strip()
        known = text.startswith(TEXT) and len(text) < LONGEST_TEXT
        return text.removeprefix(TEXT) if known else None

    def _say(self, word: str) -> None:
        child = self._child
        if child is not None and child.stdin is not None and child.returncode is None:
            child.stdin.write(word.encode() + b"\n")

    async def _begin(self) -> Process:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "camera"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=LONGEST,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        )
        assert child.stdin is not None  # noqa: S101 - asked for just above
        child.stdin.write(self.source.encode() + b"\n")
        return child


def look(source: str, wanted: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines that a camera has to tell until it ends (in the child).

    `source` is an address, a path, or the number of a USB camera; frames are told
    while they are `wanted`.
    """
    import cv2  # noqa: PLC0415 - the box, which starts the child, does without it
    import zxingcpp  # noqa: PLC0415

    camera = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    codes = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    told: dict[str, float] = {}
    looked = 0.0
    try:
        while camera.isOpened():
            good, frame = camera.read()
            if not good:
                return
            now = time.monotonic()
            if now - looked < 1 / FRAMES_A_SECOND:
                continue
            looked = now
            if wanted():
                yield FRAME + _jpeg(cv2, frame)
                continue
            told = {text: at for text, at in told.items() if now - at < AGAIN_AFTER}
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            for seen in zxingcpp.read_barcodes(grey, formats=codes)[:CODES]:
                if seen.text and seen.text not in told:
                    told[seen.text] = now
                    yield TEXT + seen.text
    finally:
        camera.release()


def _jpeg(cv2: Any, frame: Any) -> str:
    high, wide = frame.shape[:2]
    if wide > WIDE:
        frame = cv2.resize(frame, (WIDE, high * WIDE // wide))
    _, raw = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return base64.b64encode(raw.tobytes()).decode()
