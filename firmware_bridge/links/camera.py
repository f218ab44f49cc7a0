"""A camera as a child process: frames stay there, texts of QR codes come out.

The child (`lodge camera`) has devices and network, but no keys and no store.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, Iterator

LONGEST = 16 * 1024
PAUSE = 5.0
# A QR code is in the picture for seconds; one text is told once in a while.
AGAIN_AFTER = 2.0
FRAMES_A_SECOND = 8
# The child sees no setting and no key of the box's.
PASSED_ON = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")


async def texts(source: str) -> AsyncGenerator[str, None]:
    """Yield the texts that a camera sees, for ever; a camera that is lost comes back.

    The source goes by standard input: its address may hold a password.
    """
    while True:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "camera"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=LONGEST,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        )
        assert child.stdin is not None  # noqa: S101 - asked for just above
        assert child.stdout is not None  # noqa: S101
        try:
            child.stdin.write(source.encode() + b"\n")
            child.stdin.close()
            while line := await child.stdout.readline():
                yield line.decode(errors="replace").strip()
        except ValueError:
            pass  # a line longer than any pass
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()
        await asyncio.sleep(PAUSE)


def look(source: str) -> Iterator[str]:
    """Yield the texts of QR codes in a camera's frames until it ends (in the child).

    `source` is an address, a path, or the number of a USB camera.
    """
    import cv2  # noqa: PLC0415 - the box, which starts the child, does without it

    camera = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    # Each of the two reads codes that the other misses.
    detectors = (cv2.QRCodeDetectorAruco(), cv2.QRCodeDetector())
    told = {"": 0.0}
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
            texts_seen = (each.detectAndDecode(frame)[0] for each in detectors)
            text = next((each for each in texts_seen if each), "")
            if text and now - told.get(text, -AGAIN_AFTER) >= AGAIN_AFTER:
                told = {text: now}
                yield text
    finally:
        camera.release()
