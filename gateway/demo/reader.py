"""A reader with keypad, strike and contacts on an RS-485 line, simulated.

libosdp's own peripheral, in whatever process it is run: the other end of the box's.
"""

import asyncio
import os
import pty
import time
import tty
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import osdp_sys

from firmware_bridge.osdp import words

PUMP = 0.005
KEY_BYTES = 16
# A reader that is not called for so long is on its own (IEC 60839-11-5, 5.7).
ALONE_AFTER = 8.0
# A card of 26 bits with right parity.
A_CARD = 0b10000000100000010000000011
HELP = "type digits, * and #, or card, tamper, whole, open, shut, ?"
PIECES = {"*": b"\x7f", "#": b"\r"}
OUTPUTS = 2
LIGHTS = {each.value: f"light {each.name.lower()}" for each in words.Light}
CAPABILITIES = {
    osdp_sys.CAP_CONTACT_STATUS_MONITORING: 1,
    osdp_sys.CAP_OUTPUT_CONTROL: OUTPUTS,
    osdp_sys.CAP_CARD_DATA_FORMAT: 1,
    osdp_sys.CAP_READER_LED_CONTROL: 1,
    osdp_sys.CAP_READER_AUDIBLE_OUTPUT: 1,
    osdp_sys.CAP_READER_TEXT_OUTPUT: 1,
    osdp_sys.CAP_COMMUNICATION_SECURITY: 1,
}


def virtual_line() -> tuple[int, str]:
    """Make a line without wires: return the reader's end, and the box's path."""
    near, far = pty.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    path = os.ttyname(far)
    os.close(far)
    return near, path


async def simulated(address: int, keep: Path | None, *, opens_alone: bool) -> None:
    """Be a reader whose keys are typed on standard input, until it ends."""
    end, path = virtual_line()
    print(f"port {path}, address {address}; {HELP}", flush=True)  # noqa: T201
    reader = SimulatedReader(
        end, address, keep=keep, opens_alone=opens_alone, told=_say_it
    )
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(
        0, lambda: typed.put_nowait(os.read(0, 256).decode("ascii", "ignore"))
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(reader.run())
        while line := await typed.get():
            for word in line.split():
                reader.act(word)
        running.cancel()


def _say_it(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - it is a person's terminal


@dataclass(slots=True)
class SimulatedReader:
    """A reader at one address. `key` is its own key, None as it comes from the maker.

    `opens_alone` is how its strike is wired: whether it opens while nobody calls it.
    """

    end: int
    address: int = 0
    key: bytes | None = field(repr=False, default=None)
    keep: Path | None = None
    opens_alone: bool = False
    told: Callable[[str], None] = field(default=lambda _: None)
    strikes: int = 0
    beeps: list[int] = field(default_factory=list)
    lights: list[int] = field(default_factory=list)
    _struck_until: float = 0.0
    _output: int = 0
    _called_at: float = field(default_factory=time.monotonic)
    _device: Any = None
    id: int = 0

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep.exists():
            self.key = bytes.fromhex(self.keep.read_text(encoding="ascii"))
        self._begin()

    @property
    def struck(self) -> bool:
        """Whether the strike is open now."""
        return time.monotonic() < self._struck_until or (
            self.opens_alone and self.alone
        )

    @property
    def alone(self) -> bool:
        """Whether nobody has called for a while."""
        return time.monotonic() - self._called_at > ALONE_AFTER

    @property
    def secure(self) -> bool:
        """Whether the secure channel stands."""
        return bool(self._device.is_sc_active())

    async def run(self) -> None:
        """Answer for ever; say so when the strike opens and closes."""
        struck = self.struck
        while True:
            self._device.refresh()
            if struck is not self.struck:
                struck = self.struck
                report = bytes(struck and n == self._output for n in range(OUTPUTS))
                self._status(osdp_sys.STATUS_REPORT_OUTPUT, report)
            await asyncio.sleep(PUMP)

    def act(self, word: str) -> None:
        """Do what a person typed: keys, or one of the words of `HELP`."""
        match word:
            case "card":
                self.hold_card(A_CARD)
            case "tamper" | "whole":
                self.be(tampered=word == "tamper")
            case "open" | "shut":
                self.contact(active=word == "open")
            case "?":
                self.told("strike open" if self.struck else "strike shut")
            case _ if set(word) <= set("0123456789*#"):
                self.press(word)
            case _:
                self.told(HELP)

    def press(self, keys: str) -> None:
        """Press keys: digits, `*` and `#`."""
        data = b"".join(PIECES.get(key, key.encode()) for key in keys)
        self._say(event=osdp_sys.EVENT_KEYPRESS, reader_no=0, data=data)

    def hold_card(self, number: int, bits: int = 26) -> None:
        """Hold a card to the reader; `number` with its parity bits."""
        size = -(-bits // 8)
        self._say(
            event=osdp_sys.EVENT_CARDREAD,
            reader_no=0,
            format=osdp_sys.CARD_FMT_RAW_WIEGAND,
            direction=0,
            length=bits,
            data=(number << (size * 8 - bits)).to_bytes(size),
        )

    def be(self, *, tampered: bool = False, power_fails: bool = False) -> None:
        """Say how the reader itself is."""
        report = bytes([tampered, power_fails])
        self._status(osdp_sys.STATUS_REPORT_LOCAL, report)

    def contact(self, *, active: bool) -> None:
        """Move the input contact."""
        self._status(osdp_sys.STATUS_REPORT_INPUT, bytes([active]))

    def read(self, size: int) -> bytes:
        """Give libosdp what came in (its channel)."""
        try:
            raw = os.read(self.end, size)
        except (BlockingIOError, OSError):
            return b""
        if raw:
            self._called_at = time.monotonic()
        return raw

    def write(self, raw: bytes) -> int:
        """Send what libosdp says (its channel)."""
        try:
            return os.write(self.end, raw)
        except (BlockingIOError, OSError):
            return len(raw)

    def flush(self) -> None:
        """Forget what came in and was not read (libosdp's channel)."""

    def _begin(self) -> None:
        known = {"version": 1, "model": 1, "vendor_code": 0x4C4447}
        known |= {"serial_number": 1, "firmware_version": 0x010000}
        flags = osdp_sys.FLAG_INSTALL_MODE
        if self.key is not None:
            flags = osdp_sys.FLAG_ENFORCE_SECURE
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        self._device = osdp_sys.PeripheralDevice(
            {
                "name": f"simulated-{self.address}",
                "address": self.address,
                "flags": flags,
                "scbk": self.key,
                "channel": self,
                **known,
            },
            capabilities=[
                {"function_code": each, "compliance_level": 1, "num_items": count}
                for each, count in CAPABILITIES.items()
            ],
        )
        self._device.set_command_callback(self._do)

    def _say(self, **event: Any) -> None:
        self._device.submit_event(event)

    def _status(self, kind: int, report: bytes) -> None:
        self._say(event=osdp_sys.EVENT_STATUS, type=kind, report=report)

    def _do(self, command: Mapping[str, Any]) -> tuple[int, Mapping[str, Any] | None]:
        self._obey(command)
        # libosdp's wrapper gives up a reference to what the tuple holds, and never the
        # tuple: it has to be a new one each time, with nothing of its own in it.
        nothing: Mapping[str, Any] | None = None
        return 0, nothing

    def _obey(self, command: Mapping[str, Any]) -> None:
        match command:
            case {"command": osdp_sys.CMD_KEYSET, "data": bytes(key)}:
                self.key = key[:KEY_BYTES]
                if self.keep is not None:
                    self.keep.write_text(self.key.hex(), encoding="ascii")
                self.told("has a key of its own now")
            case {"command": osdp_sys.CMD_TEXT, "data": str(text)}:
                self.told(f"shows {text}")
            case {"command": osdp_sys.CMD_OUTPUT, **told}:
                self._output = told["output_no"]
                self._switch(told["control_code"], told["timer_count"])
            case {"command": osdp_sys.CMD_BUZZER, "rep_count": int(times)}:
                self.beeps.append(times)
                self.told("beep " * times)
            case {"command": osdp_sys.CMD_LED, "on_color": int(colour)}:
                self.lights.append(colour)
                self.told(LIGHTS.get(colour, "light"))

    def _switch(self, code: int, ticks: int) -> None:
        match code:
            case words.FOR_A_WHILE:
                self.strikes += 1
                self._struck_until = time.monotonic() + ticks / 10
                self.told(f"strike opens for {ticks / 10:g} s")
            case words.AT_REST:
                self.told("strike at rest")
            case words.UNTOUCHED:
                self.told("strike untouched")
