"""An RS-485 line with OSDP readers: one task owns the port and pumps libosdp."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import osdp_sys

from firmware_bridge.links.serial_port import PortFault, PortLost, SerialPort
from firmware_bridge.osdp import frames, handshake, words
from firmware_bridge.osdp.health import Health
from firmware_bridge.osdp.listening import Listener, listener

# libosdp wants to be asked every 50 ms at least; while somebody stands at a reader it
# is asked more often, so that he does not wait for it.
IDLE, BUSY, BUSY_FOR = 0.02, 0.005, 3.0
# A reader's time to answer (IEC 60839-11-5, 5.7), and how soon one that is lost is
# called again: each call costs the others on its line one time to answer.
ANSWERS_WITHIN = 0.2
AGAIN_FIRST, AGAIN_MAX = 1.0, 8.0
REOPEN = 0.3
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Station:
    """A reader as it is spoken to: its address, its key, whether that is news to it."""

    address: int
    key: bytes = field(repr=False)
    installing: bool = False


@dataclass(slots=True)
class _Seat:
    """What is known of one reader on the line."""

    station: Station
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    secure: bool = False
    again_at: float = 0.0
    pause: float = AGAIN_FIRST
    off: bool = False


Heard = Callable[[int, words.Event], None]
Stations = Callable[[], Awaitable[Sequence[Station]]]


class LineSilent(Exception):
    """The reader does not take commands now."""


@dataclass(slots=True)
class Rs485Line:
    """One line. `heard` takes what readers say, by address, and never waits."""

    port: SerialPort
    heard: Heard
    fault: PortFault | None = PortFault.MISSING
    seats: dict[int, _Seat] = field(default_factory=dict)
    _panel: Any = None
    _inbox: bytearray = field(default_factory=bytearray)
    _ears: Listener = field(default_factory=lambda: listener([]))
    _said: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    _done: list[tuple[int, int]] = field(default_factory=list)
    _busy_until: float = 0.0
    _asked_at: float = 0.0
    _replied: bool = True
    _broken: PortLost | None = None
    _looks: deque[tuple[Sequence[int], asyncio.Future[tuple[int, ...]]]] = field(
        default_factory=deque
    )

    id: int = 0

    async def run(self, stations: Stations) -> None:
        """Serve until cancelled; a port that is pulled out is taken up again.

        `stations` is asked anew each time how the readers are spoken to.
        """
        try:
            while True:
                told = await stations()
                self.seats = {each.address: _Seat(each) for each in told}
                try:
                    self.port.open()
                    self.fault = None
                    await self._pump()
                except PortLost as lost:
                    if self.fault is not lost.fault:
                        log.warning("a line's port: %s", lost.fault.value)
                    self.fault = lost.fault
                finally:
                    self._hang_up()
                await asyncio.sleep(REOPEN)
        finally:
            self._hang_up()

    def begin_anew(self) -> None:
        """Leave the line and come back, with whatever the readers' keys are then."""
        self._broken = PortLost(PortFault.GONE)

    def tell(self, address: int, command: Mapping[str, Any]) -> asyncio.Future[None]:
        """Send a command now; await the answer to know that the reader took it.

        Raises LineSilent where the reader is not there; so does the answer.
        """
        seat = self.seats.get(address)
        if self._panel is None or seat is None or not seat.secure:
            raise LineSilent
        if not self._panel.submit_command(self._index(address), dict(command)):
            raise LineSilent
        self._busy_until = self._now() + BUSY_FOR
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seat.waiting.append(answer)
        self._panel.refresh()  # it leaves at the call
        return answer

    def able(self, address: int, capability: int) -> bool:
        """Say whether a reader can do a thing; one that cannot drops off when told."""
        seat = self.seats.get(address)
        if self._panel is None or seat is None or not seat.secure:
            return False
        level, _ = self._panel.check_capability(self._index(address), capability)
        return bool(level)

    def health(self, address: int) -> Health:
        """Say how a reader is."""
        known = {
            PortFault.MISSING: Health.PORT_MISSING,
            PortFault.GONE: Health.PORT_MISSING,
            PortFault.FORBIDDEN: Health.PORT_FORBIDDEN,
            PortFault.TAKEN: Health.PORT_TAKEN,
        }
        if self.fault is not None:
            return known[self.fault]
        seat = self.seats.get(address)
        return self._ears.health(address, secure=seat is not None and seat.secure)

    async def look(self, addresses: Sequence[int]) -> tuple[int, ...]:
        """Return which of these addresses answer, a few between each two polls."""
        if self._panel is None:
            return ()
        answer: asyncio.Future[tuple[int, ...]] = (
            asyncio.get_running_loop().create_future()
        )
        self._looks.append((addresses, answer))
        self._ears.others = await answer
        return self._ears.others

    @property
    def others(self) -> tuple[int, ...]:
        """The addresses besides its readers' at which somebody answered."""
        return self._ears.others

    def read(self, size: int) -> bytes:
        """Give libosdp what came in (its channel)."""
        self._receive()
        raw = bytes(self._inbox[:size])
        del self._inbox[:size]
        return raw

    def write(self, raw: bytes) -> int:
        """Send what libosdp says (its channel)."""
        self._asked_at, self._replied = self._now(), False
        self._ears.sent(raw)
        try:
            return self.port.write(raw)
        except PortLost as lost:
            self._broken = lost
            return len(raw)

    def flush(self) -> None:
        """Forget what came in and was not read (libosdp's channel)."""
        self._receive()
        self._inbox.clear()

    def _receive(self) -> None:
        try:
            raw = self.port.read()
        except PortLost as lost:
            self._broken = lost
            return
        self._inbox += raw
        self._replied = self._ears.came(raw) or self._replied

    async def _pump(self) -> None:
        self._begin()
        while True:
            self._receive()  # libosdp does not look while no reader takes part
            self._panel.refresh()
            if self._broken is not None:
                raise self._broken
            self._deliver()
            self._call_again()
            if self._quiet():
                await self._look_closer()
            busy = self._now() < self._busy_until
            await asyncio.sleep(BUSY if busy else IDLE)

    def _begin(self) -> None:
        self._broken, self._inbox, self._replied = None, bytearray(), True
        self._said, self._done = [], []
        self._ears = listener(list(self.seats))
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)  # it would write to standard output
        self._panel = osdp_sys.ControlPanel(
            [
                {
                    "name": f"reader-{each.station.address}",
                    "address": each.station.address,
                    "flags": _flags(each.station),
                    "scbk": each.station.key,
                    "channel": self,
                }
                for each in self.seats.values()
            ]
        )
        self._panel.set_event_callback(self._hear)
        self._panel.set_command_completion_callback(self._complete)

    def _hang_up(self) -> None:
        self._panel = None
        self.port.close()
        for address, seat in self.seats.items():
            self._lose(address, seat)
        while self._looks:
            _settle(self._looks.popleft()[1], ())

    # Both are called by libosdp in the middle of `refresh`, and only take note.
    def _hear(self, index: int, said: dict[str, Any]) -> int:
        self._said.append((index, dict(said)))
        said.clear()  # libosdp's wrapper never lets go of it, and it may hold a PIN
        return 0

    def _complete(self, index: int, _command: Mapping[str, Any], status: int) -> None:
        self._done.append((index, status))

    def _deliver(self) -> None:
        addresses = list(self.seats)
        done, self._done = self._done, []
        for index, status in done:
            waiting = self.seats[addresses[index]].waiting
            if waiting:
                _settle(waiting.popleft(), None if status == 0 else LineSilent())
        said, self._said = self._said, []
        for index, each in said:
            for event in words.read(each):
                self._take(addresses[index], event)

    def _take(self, address: int, event: words.Event) -> None:
        seat = self.seats[address]
        match event:
            case words.Secure(False, _) | words.Online(False):
                self._lose(address, seat)
                return
            case words.Secure(True, False):
                seat.secure = True
                if seat.station.installing:
                    self._take_to_its_key(address, seat)
            case _ if not seat.secure:
                return  # in the clear nobody is believed, whatever he says
            case words.Online(True):
                seat.pause = AGAIN_FIRST
            case words.Keys() | words.Card():
                self._busy_until = self._now() + BUSY_FOR
        self.heard(address, event)

    def _take_to_its_key(self, address: int, seat: _Seat) -> None:
        seat.station = Station(address, seat.station.key)
        index = self._index(address)
        self._panel.clear_flag(index, osdp_sys.FLAG_INSTALL_MODE)
        self._panel.set_flag(index, osdp_sys.FLAG_ENFORCE_SECURE)

    def _lose(self, address: int, seat: _Seat) -> None:
        was, seat.secure = seat.secure, False
        while seat.waiting:
            _settle(seat.waiting.popleft(), LineSilent())
        if was:
            self.heard(address, words.Online(on=False))

    def _call_again(self) -> None:
        """Call readers that are lost: libosdp itself would wait up to 300 s."""
        now = self._now()
        for index, seat in enumerate(self.seats.values()):
            if seat.off and not self._panel.is_pd_enabled(index):
                seat.off = not self._panel.enable_pd(index)
            elif not seat.secure and now >= seat.again_at:
                self._ears.called(seat.station.address)
                if seat.again_at:
                    seat.off = self._panel.disable_pd(index)
                seat.again_at = now + seat.pause
                seat.pause = min(seat.pause * 2, AGAIN_MAX)

    def _quiet(self) -> bool:
        return self._replied or self._now() - self._asked_at > ANSWERS_WITHIN

    async def _look_closer(self) -> None:
        for address, seat in self.seats.items():
            if seat.off:
                challenge = os.urandom(handshake.RANDOM)
                if asked := self._ears.question(address, challenge):
                    await self._probe(asked)
        if self._looks:
            await self._look_further()

    async def _look_further(self) -> None:
        addresses, answer = self._looks[0]
        found = []
        for address in addresses:
            if address in self.seats:
                continue
            if await self._probe(frames.Frame(address, frames.POLL)):
                found.append(address)
            self._panel.refresh()
            self._deliver()
        self._looks.popleft()
        _settle(answer, tuple(found))

    async def _probe(self, asked: frames.Frame) -> bool:
        """Send a frame of Lodge's own; return whether its address answers."""
        self._ears.answers.discard(asked.address)
        self.port.write(asked.encode())
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_FOR / LOOKS)
            self._receive()
            if asked.address in self._ears.answers:
                return True
        return False

    def _index(self, address: int) -> int:
        return list(self.seats).index(address)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


LOOK_FOR, LOOKS = 0.06, 6


def _flags(station: Station) -> int:
    kind = (
        osdp_sys.FLAG_INSTALL_MODE
        if station.installing
        else osdp_sys.FLAG_ENFORCE_SECURE
    )
    return int(kind | osdp_sys.FLAG_ENABLE_NOTIFICATION)


def _settle(answer: asyncio.Future[Any], said: Any) -> None:
    if answer.done():
        return  # whoever asked waits no longer
    if isinstance(said, Exception):
        answer.set_exception(said)
        answer.exception()  # whoever does not ask is not told either
    else:
        answer.set_result(said)
