"""A serial port as it comes and goes: bytes, and whether it is there."""

import errno
import os
import termios
from dataclasses import dataclass, field
from enum import Enum

import serial

ROOM = 4096


class PortFault(Enum):
    """Why a port cannot be used."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"
    TAKEN = "taken"
    GONE = "gone"


class PortLost(Exception):
    """The port cannot be opened, or was pulled out; it may come back."""

    def __init__(self, fault: PortFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(slots=True)
class SerialPort:
    """One port, for one owner at a time; nothing here waits."""

    path: str
    baud: int
    _port: serial.Serial | None = field(default=None, repr=False)

    def open(self) -> None:
        """Open the port for this process alone; raise PortLost with the reason."""
        try:
            self._port = serial.Serial(
                self.path, self.baud, timeout=0, write_timeout=0, exclusive=True
            )
            self._port.reset_input_buffer()
        except (OSError, serial.SerialException, termios.error) as error:
            raise PortLost(_why(error)) from error

    def close(self) -> None:
        """Let go of the port."""
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                return  # pulled out already

    @property
    def handle(self) -> int:
        """The open port's file descriptor, to wait on."""
        assert self._port is not None  # noqa: S101 - its owner opened it
        number: int = self._port.fileno()
        return number

    def read(self) -> bytes:
        """Return what has come in, nothing where nothing has; raise PortLost."""
        assert self._port is not None  # noqa: S101
        try:
            # Not the library's own read: it asks three times for each byte.
            raw = os.read(self._port.fileno(), ROOM)
        except BlockingIOError:
            return b""
        except (OSError, TypeError) as error:
            raise PortLost(PortFault.GONE) from error
        if not raw and not os.path.exists(self.path):  # noqa: PTH110 - each tick
            raise PortLost(PortFault.GONE)
        return raw

    def write(self, raw: bytes) -> int:
        """Send what goes out now; return how much; raise PortLost."""
        assert self._port is not None  # noqa: S101
        try:
            return os.write(self._port.fileno(), raw)
        except BlockingIOError:
            return 0
        except (OSError, TypeError) as error:
            raise PortLost(PortFault.GONE) from error


def _why(error: Exception) -> PortFault:
    number = getattr(error, "errno", None)
    known = {
        errno.ENOENT: PortFault.MISSING,
        errno.EACCES: PortFault.FORBIDDEN,
        errno.EPERM: PortFault.FORBIDDEN,
        errno.EAGAIN: PortFault.TAKEN,
        errno.EWOULDBLOCK: PortFault.TAKEN,
        errno.EBUSY: PortFault.TAKEN,
    }
    return known.get(number, PortFault.GONE) if number else PortFault.GONE
