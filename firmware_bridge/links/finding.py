"""Looks for readers on a port that nobody else uses."""

import time
from collections.abc import Callable, Iterator

from firmware_bridge.links.serial_port import SerialPort
from firmware_bridge.osdp.frames import BROADCAST, POLL, Frame, Frames

# Readers come from their makers at the first; the others are tried in their order.
BAUDS = (9600, 115200, 57600, 38400, 19200, 230400)
ANSWERS_WITHIN = 0.05
PAUSE = 0.002


def found_on(path: str, progress: Callable[[int], None]) -> list[tuple[int, int]]:
    """Return address and baud of each reader that answers; PortLost where none can.

    The first speed at which somebody answers is the line's.
    """
    for baud in BAUDS:
        progress(baud)
        port = SerialPort(path, baud)
        port.open()
        try:
            found = [(address, baud) for address in _answering(port)]
        finally:
            port.close()
        if found:
            return found
    return []


def _answering(port: SerialPort) -> Iterator[int]:
    heard = Frames()
    for address in range(BROADCAST):
        port.write(Frame(address, POLL).encode())
        until = time.monotonic() + ANSWERS_WITHIN
        while time.monotonic() < until:
            told = (each for each in heard.feed(port.read()) if each.reply)
            if any(each.address == address for each in told):
                yield address
                break
            time.sleep(PAUSE)
