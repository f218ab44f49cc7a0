"""A serial line whose middle can be held: bytes paced, spoilt, kept or cut.

A pseudo-terminal has no speed of its own: here each byte takes the time it needs.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.demo.reader import virtual_line

# A start bit, eight of data, a stop bit.
BITS_A_BYTE = 10
TICK = 0.001
Spoil = Callable[[bytes], bytes]


def whole(raw: bytes) -> bytes:
    """Let bytes through as they are."""
    return raw


@dataclass(slots=True)
class Wire:
    """Between a box that opens `path` and a device that holds `device`'s other end.

    `baud` paces the bytes; `to_device` and `to_box` may change or drop them.
    """

    path: Path
    device: str
    baud: int = 0
    to_device: Spoil = whole
    to_box: Spoil = whole
    _near: int = -1
    _far: int = -1
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def plug(self) -> None:
        """Put the plug in: the box finds its port at `path`."""
        self._near, name = virtual_line()
        self._far = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._far)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(name)
        start = asyncio.get_running_loop().create_task
        self._tasks = [
            start(self._carry(self._near, self._far, "to_device")),
            start(self._carry(self._far, self._near, "to_box")),
        ]

    def pull(self) -> None:
        """Pull the plug out: the port is gone."""
        for task in self._tasks:
            task.cancel()
        self.path.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)

    def inject(self, raw: bytes) -> None:
        """Let bytes come in at the box that nobody sent."""
        _write(self._near, raw)

    async def _carry(self, source: int, sink: int, way: str) -> None:
        a_byte = BITS_A_BYTE / self.baud if self.baud else 0.0
        loop = asyncio.get_running_loop()
        free_at = loop.time()
        while True:
            if raw := _read(source):
                spoil: Spoil = getattr(self, way)
                raw = spoil(raw)
                free_at = max(free_at, loop.time()) + len(raw) * a_byte
                await asyncio.sleep(max(0.0, free_at - loop.time()))
                _write(sink, raw)
            await asyncio.sleep(TICK)


def _read(end: int) -> bytes:
    try:
        return os.read(end, 4096)
    except OSError:
        return b""


def _write(end: int, raw: bytes) -> None:
    try:
        os.write(end, raw)
    except OSError:
        return
