"""Eight readers on two lines, in a process of their own: typed at, and timed.

Prints the lines' ports; on `go PIN` types at each reader in turn and prints, a line
each, the milliseconds from the last digit to the strike.
"""

import asyncio
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from gateway.demo.reader import SimulatedReader, virtual_line
from gateway.demo.wire import Wire

EACH = 4
BETWEEN = 0.05
WAITS = 3.0


@dataclass
class Tap:
    """One reader's end of a line that several share: all hear, each may speak."""

    line: "Line"
    heard: deque[bytes] = field(default_factory=deque)

    def read(self, size: int) -> bytes:
        """Return what came in for everybody."""
        self.line.share()
        raw = b"".join(self.heard)
        self.heard.clear()
        if len(raw) > size:
            self.heard.append(raw[size:])
        return raw[:size]


@dataclass
class Line:
    """A line with readers at addresses 0 and on."""

    folder: Path
    name: str
    baud: int
    taps: list[Tap] = field(default_factory=list)
    readers: list[SimulatedReader] = field(default_factory=list)

    def begin(self) -> Path:
        """Lay the line; return the box's port."""
        self.end, port = virtual_line()
        wire = Wire(self.folder / self.name, port, self.baud)
        wire.plug()
        for address in range(EACH):
            tap = Tap(self)
            self.taps.append(tap)
            reader = Shared(self.end, address)
            reader.taps = tap
            self.readers.append(reader)
        return wire.path

    def share(self) -> None:
        """Give what came in to every reader."""
        try:
            raw = os.read(self.end, 4096)
        except OSError:
            return
        for tap in self.taps:
            tap.heard.append(raw)


class Shared(SimulatedReader):
    """A reader that shares its line."""

    taps: Tap | None = None

    def read(self, size: int) -> bytes:
        """Return what came in for everybody on the line."""
        return b"" if self.taps is None else self.taps.read(size)


async def main(folder: str, baud: str) -> None:
    """Serve until standard input ends."""
    lines = [Line(Path(folder), name, int(baud)) for name in ("one", "two")]
    print(*(line.begin() for line in lines), flush=True)
    async with asyncio.TaskGroup() as tasks:
        readers = [reader for line in lines for reader in line.readers]
        running = [tasks.create_task(each.run()) for each in readers]
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            pin, times = words[1], int(words[2])
            for number in range(times):
                print(await _typed(readers[number % len(readers)], pin), flush=True)
        for each in running:
            each.cancel()


async def _typed(reader: SimulatedReader, pin: str) -> float:
    """Type a PIN as a person does; return the milliseconds to the strike."""
    strikes = reader.strikes
    for digit in pin[:-1]:
        reader.press(digit)
        await asyncio.sleep(BETWEEN)
    reader.press(pin[-1])
    started = time.perf_counter()
    while reader.strikes == strikes and time.perf_counter() - started < WAITS:
        await asyncio.sleep(0.001)
    took = (time.perf_counter() - started) * 1000
    await asyncio.sleep(BETWEEN)
    return took


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
