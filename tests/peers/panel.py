"""An OSDP control panel of other hands: the pure-Python `osdp`, on a port.

Runs by itself with that package on its path, which would hide libosdp's own.
"""

import logging
import sys
import time

from osdp import ControlPanel, OutputControl, OutputControlCode, OutputControls
from osdp._connection import SerialPortOsdpConnection

WITHIN = 12


class Panel(ControlPanel):
    """Prints what a reader says."""

    def on_keypad_data_reply_received(self, _address, keypad) -> None:
        say(f"keys {keypad.data.hex()}")

    def on_raw_card_data_reply_received(self, _address, card) -> None:
        say(f"card {card.data.hex()}")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    path, address, master = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    logging.getLogger("osdp").setLevel(logging.CRITICAL)
    panel = Panel(master)
    bus = panel.start_connection(SerialPortOsdpConnection(path, 9600))
    panel.add_device(bus, address, use_crc=True, use_secure_channel=True)
    device = panel._buses[bus]._configured_devices[address]
    until = time.monotonic() + WITHIN
    while not device.is_security_established and time.monotonic() < until:
        time.sleep(0.1)
    say("secure" if device.is_security_established else "not secure")
    code = OutputControlCode.TemporaryStateOnResumePermanentState
    taken = panel.output_control(
        bus, address, OutputControls([OutputControl(0, code, 20)])
    )
    say(f"strike {taken}")
    sys.stdin.readline()
    panel.shutdown()


main()
