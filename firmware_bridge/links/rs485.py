"""An RS-485 line with OSDP readers: one task owns the port and pumps libosdp."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from firmware_bridge.links.panel import Panel, open_panel
from firmware_bridge.links.serial_port import PortFault, PortLost, SerialPort
from firmware_bridge.osdp import frames, handshake, words
from firmware_bridge.osdp.handshake import Station
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
LOOK_FOR, LOOKS = 0.06, 6
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seat:
    """What is known of one reader on the line."""

    station: Station
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    secure: bool = False
    again_at: float = 0.0
    pause: float = AGAIN_FIRST


Heard = Callable[[int, words.Event], None]
Stations = Callable[[], Awaitable[Sequence[Station]]]
FAULTS = {
    PortFault.MISSING: Health.PORT_MISSING,
    PortFault.GONE: Health.PORT_MISSING,
    PortFault.FORBIDDEN: Health.PORT_FORBIDDEN,
    PortFault.TAKEN: Health.PORT_TAKEN,
}


class LineSilent(Exception):
    """The reader does not take commands now."""


class _Anew(Exception):
    """The line is to be left and taken up again."""


@dataclass(slots=True)
class Rs485Line:
    """One line. `heard` takes what readers say, by address, and never waits."""

    port: SerialPort
    heard: Heard
    fault: PortFault | None = PortFault.MISSING
    seats: dict[int, _Seat] = field(default_factory=dict)
    _panel: Panel | None = None
    _inbox: bytearray = field(default_factory=bytearray)
    _ears: Listener = field(default_factory=lambda: listener([]))
    _busy_until: float = 0.0
    _asked_at: float = 0.0
    _replied: bool = True
    _broken: PortLost | _Anew | None = None
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
                self._broken = None
                told = await stations()
                self.seats = {each.address: _Seat(each) for each in told}
                try:
                    self.port.open()
                    self.fault = None
                    await self._pump()
                except _Anew:
                    continue
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
        """Leave the line and come back, with whatever the readers' keys are then.

        Nothing that was said before reaches a reader afterwards: libosdp would say a
        command again for nine seconds.
        """
        self._broken = _Anew()

    def tell(self, address: int, command: Mapping[str, Any]) -> asyncio.Future[None]:
        """Send a command now; await the answer to know that the reader took it.

        Raises LineSilent where the reader is not there; so does the answer.
        """
        seat = self.seats.get(address)
        if self._panel is None or seat is None or not seat.secure:
            raise LineSilent
        if not self._panel.submit(address, command):
            raise LineSilent
        self._busy_until = self._now() + BUSY_FOR
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seat.waiting.append(answer)
        self._panel.refresh()  # it leaves at the call
        return answer

    def able(self, address: int, capability: int, number: int = 0) -> bool:
        """Say whether a reader can do a thing; one that cannot drops off when told.

        `number` is which of several, from 0.
        """
        seat = self.seats.get(address)
        if self._panel is None or seat is None or not seat.secure:
            return False
        return self._panel.able(address, capability, number)

    def health(self, address: int) -> Health:
        """Say how a reader is."""
        if self.fault is not None:
            return FAULTS[self.fault]
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
        self._inbox, self._replied = bytearray(), True
        stations = [each.station for each in self.seats.values()]
        self._ears = listener(stations)
        self._panel = panel = open_panel(stations, self)
        while True:
            self._receive()  # libosdp does not look while no reader takes part
            self._step(panel)
            if self._quiet():
                await self._look_closer(panel)
            busy = self._now() < self._busy_until
            await asyncio.sleep(BUSY if busy else IDLE)

    def _step(self, panel: Panel) -> None:
        if self._broken is not None:
            raise self._broken
        panel.refresh()
        self._deliver(panel)
        self._call_again(panel)

    def _hang_up(self) -> None:
        self._panel = None
        self.port.close()
        for address, seat in self.seats.items():
            self._lose(address, seat)
        while self._looks:
            _settle(self._looks.popleft()[1], ())

    def _deliver(self, panel: Panel) -> None:
        done, panel.done = panel.done, []
        for address, good in done:
            waiting = self.seats[address].waiting
            if waiting:
                _settle(waiting.popleft(), None if good else LineSilent())
        said, panel.said = panel.said, []
        for address, each in said:
            for event in words.read(each):
                self._take(address, event, panel)

    def _take(self, address: int, event: words.Event, panel: Panel) -> None:
        seat = self.seats[address]
        match event:
            case words.Secure(False, _) | words.Online(False):
                panel.forget(address)
                self._lose(address, seat)
                return
            case words.Secure(True, False):
                seat.secure = True
                if seat.station.installing:
                    seat.station = replace(seat.station, installing=False)
                    panel.hold_to_its_key(address)
            case _ if not seat.secure:
                return  # in the clear nobody is believed, whatever he says
            case words.Online(True):
                seat.pause = AGAIN_FIRST
            case words.Keys() | words.Card():
                self._busy_until = self._now() + BUSY_FOR
        self.heard(address, event)

    def _lose(self, address: int, seat: _Seat) -> None:
        was, seat.secure = seat.secure, False
        while seat.waiting:
            _settle(seat.waiting.popleft(), LineSilent())
        if was:
            self._ears.lost(address)
            self.heard(address, words.Online(on=False))

    def _call_again(self, panel: Panel) -> None:
        """Call readers that are lost: libosdp itself would wait up to 300 s."""
        now = self._now()
        for address, seat in self.seats.items():
            if not panel.called(address):
                if panel.call(address):
                    self._ears.called(address)
            elif not seat.secure and now >= seat.again_at:
                if seat.again_at:
                    panel.leave(address)
                seat.again_at = now + seat.pause
                seat.pause = min(seat.pause * 2, AGAIN_MAX)

    def _quiet(self) -> bool:
        return self._replied or self._now() - self._asked_at > ANSWERS_WITHIN

    async def _look_closer(self, panel: Panel) -> None:
        for address in self.seats:
            if not panel.called(address):
                challenge = os.urandom(handshake.RANDOM)
                if asked := self._ears.question(address, challenge):
                    await self._probe(asked)
        if self._looks:
            await self._look_further(panel)

    async def _look_further(self, panel: Panel) -> None:
        addresses, answer = self._looks[0]
        found = []
        for address in addresses:
            if address in self.seats:
                continue
            while not self._quiet():  # two that speak at once are not understood
                await asyncio.sleep(BUSY)
                self._receive()
            if await self._probe(frames.Frame(address, frames.POLL)):
                found.append(address)
            self._step(panel)
        self._looks.popleft()
        _settle(answer, tuple(found))

    async def _probe(self, asked: frames.Frame) -> bool:
        """Send a frame of Lodge's own; return whether its address answers."""
        self._ears.answers.discard(asked.address)
        self._ears.sent(asked.encode())
        self.port.write(asked.encode())
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_FOR / LOOKS)
            self._receive()
            if asked.address in self._ears.answers:
                return True
        return False

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _settle(answer: asyncio.Future[Any], said: Any) -> None:
    with suppress(asyncio.InvalidStateError):  # whoever asked waits no longer
        if isinstance(said, Exception):
            answer.set_exception(said)
            answer.exception()  # whoever does not ask is not told either
        else:
            answer.set_result(said)
