"""A lock controller with MCUboot's two slots behind SMP, simulated."""

import asyncio
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from smp import packet
from smp.exceptions import SMPException

from devices.model.firmware import Image
from firmware_bridge.smp.image import describe
from gateway.demo.reader import virtual_line

HEAD = struct.Struct("!BBHHBB")
OS, IMAGES = 0, 1
ECHO, RESET, PARAMETERS = 0, 5, 6
STATE, UPLOAD = 0, 1
BUFFER, LINE = 1024, 128
TICK = 0.001
STARTS_WITHIN = 0.05
# Told to restart, Zephyr answers on for a moment before it does.
ANSWERS_ON = 0.1


@dataclass(slots=True)
class Flash:
    """What stays when the power fails: two slots, and what the start is to do."""

    primary: bytes
    secondary: bytes = b""
    confirmed: bool = True
    pending: bool = False

    def start(self) -> None:
        """Do what MCUboot does: try what is marked, go back from what was not kept."""
        if self.pending or not self.confirmed:
            self.primary, self.secondary = self.secondary, self.primary
            self.confirmed = not self.pending
            self.pending = False


@dataclass(slots=True)
class SimulatedController:
    """Answers SMP on a line without wires; `broken` images start and answer nothing."""

    flash: Flash
    broken: set[bytes] = field(default_factory=set)
    end: int = -1
    path: str = ""
    asked: list[tuple[int, int]] = field(default_factory=list)
    written: int = 0
    _session: tuple[bytes, bytearray, int] | None = None
    _off_until: float = 0.0
    _restarts_at: float | None = None

    def __post_init__(self) -> None:
        self.end, self.path = virtual_line()

    @property
    def running(self) -> bytes:
        """The hash of what runs."""
        return _image(self.flash.primary).hash

    def cut_power(self) -> None:
        """Cut the power and give it back: memory is gone, flash is not."""
        self._session = self._restarts_at = None
        self.flash.start()
        self._off_until = _now() + STARTS_WITHIN

    async def run(self) -> None:
        """Answer for ever."""
        lines = bytearray()
        decoder = None
        while True:
            if self._restarts_at is not None and _now() >= self._restarts_at:
                self.cut_power()
            lines += self._read()
            while (end := lines.find(b"\n")) >= 0:
                line = bytes(lines[: end + 1])
                del lines[: end + 1]
                decoder, frame = _decoded(decoder, line)
                if frame:
                    self._answer(frame)
            await asyncio.sleep(TICK)

    def _read(self) -> bytes:
        try:
            raw = os.read(self.end, 4096)
        except OSError:
            return b""
        off = _now() < self._off_until
        return b"" if off or self.running in self.broken else raw

    def _answer(self, frame: bytes) -> None:
        op, flags, _, group, sequence, command = HEAD.unpack_from(frame)
        told = cbor2.loads(frame[HEAD.size :])
        self.asked.append((group, command))
        said = cbor2.dumps(self._do(group, command, told, writes=bool(op & 2)))
        head = HEAD.pack(op | 1, flags, len(said), group, sequence, command)
        for line in packet.encode(head + said, LINE):
            os.write(self.end, line)
        if (group, command) == (OS, RESET):
            self._restarts_at = _now() + ANSWERS_ON

    def _do(
        self, group: int, command: int, told: Mapping[str, Any], *, writes: bool
    ) -> dict[str, Any]:
        match group, command:
            case (0, 0):
                return {"r": told["d"]}
            case (0, 6):
                return {"buf_size": BUFFER, "buf_count": 4}
            case (0, 5):
                return {}
            case (1, 0):
                return self._state(told) if writes else {"images": list(self._slots())}
            case (1, 1):
                return self._upload(told)
            case _:
                return {"rc": 8}

    def _state(self, told: Mapping[str, Any]) -> dict[str, Any]:
        wanted = told.get("hash", self.running)
        if told.get("confirm") and wanted == self.running:
            self.flash.confirmed = True
        elif self.flash.secondary and wanted == _image(self.flash.secondary).hash:
            self.flash.pending = True
        else:
            return {"rc": 3}
        return {"images": list(self._slots())}

    def _slots(self) -> Iterator[dict[str, Any]]:
        flash = self.flash
        for number, raw in enumerate((flash.primary, flash.secondary)):
            if not raw:
                continue
            image = _image(raw)
            yield {
                "slot": number,
                "version": str(image.version).replace("+", "."),
                "hash": image.hash,
                "bootable": True,
                "active": number == 0,
                "confirmed": number == 0 and flash.confirmed,
                "pending": number == 1 and flash.pending,
            }

    def _upload(self, told: Mapping[str, Any]) -> dict[str, Any]:
        offset, data = told["off"], told["data"]
        if offset == 0 and (self._session is None or self._session[0] != told["sha"]):
            self._session = told["sha"], bytearray(), told["len"]
            self.flash.secondary = b""
        if self._session is None:
            return {"rc": 3}
        _, held, length = self._session
        if offset == len(held):
            held += data
            self.written += len(data)
        if len(held) == length:
            self.flash.secondary, self._session = bytes(held), None
            return {"off": length, "match": True}
        return {"off": len(held)}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _image(raw: bytes) -> Image:
    found = describe(raw)
    assert isinstance(found, Image)  # noqa: S101 - only whole images come to lie here
    return found


def _decoded(decoder: Any, line: bytes) -> tuple[Any, bytes]:
    """Feed a line to the decoder; return the decoder to go on with, and a frame."""
    if line.startswith(packet.START_DELIMITER):
        decoder = packet.decode()
        next(decoder)
    if decoder is None:
        return None, b""
    try:
        decoder.send(line)
    except StopIteration as whole:
        return None, bytes(whole.value)
    except (SMPException, ValueError, struct.error):
        return None, b""
    return decoder, b""
