"""A port that is not there, not ours, or pulled out."""

import errno
import os
import pty
import tty
from pathlib import Path

import pytest

from firmware_bridge.links.serial_port import PortFault, PortLost, SerialPort, _why


def lost(port: SerialPort) -> PortFault:
    with pytest.raises(PortLost) as raised:
        port.open()
    return raised.value.fault


def test_a_port_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert lost(SerialPort(str(tmp_path / "none"), 9600)) is PortFault.MISSING


def test_a_port_has_one_owner_and_goes_with_its_plug() -> None:
    near, far = pty.openpty()
    tty.setraw(far)
    port = SerialPort(os.ttyname(far), 9600)
    os.close(far)
    port.open()
    assert lost(SerialPort(port.path, 9600)) is PortFault.TAKEN
    os.write(near, b"hi")
    assert port.read() == b"hi"
    assert port.read() == b""
    os.close(near)
    for act in (port.read, lambda: port.write(b"x")):
        with pytest.raises(PortLost) as raised:
            act()
        assert raised.value.fault is PortFault.GONE
    port.close()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_port_that_is_not_ours_says_so(number: int) -> None:
    assert _why(OSError(number, "no")) is PortFault.FORBIDDEN
