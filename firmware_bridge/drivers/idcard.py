"""An ID-card reader on a serial port, for enrolment."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from enrolment.model.documents import CardStep, CardText, DocumentKind, Person, Sex
from enrolment.model.errors import CardFailed
from firmware_bridge.idcard import card, frames
from firmware_bridge.links.serial_port import PortLost, SerialPort

KINDS = {
    card.Kind.RESIDENT: DocumentKind.RESIDENT_CARD,
    card.Kind.RESIDENCE_PERMIT: DocumentKind.RESIDENCE_PERMIT,
    card.Kind.PERMANENT_2017: DocumentKind.PERMANENT_RESIDENT,
    card.Kind.PERMANENT_2023: DocumentKind.PERMANENT_RESIDENT,
}
SEXES = {each.value: each for each in Sex}
# domain.md, 5: poll every 300 to 1000 ms, 3 s to answer, three tries.
POLL = 0.3
ANSWERS_WITHIN = 3.0
TRIES = 3
MISSED = 2


@dataclass(slots=True)
class IdCardReader:
    """Fulfils CardReader: find, select, read the text; the port is open no longer."""

    port: SerialPort
    _frames: frames.Frames = field(default_factory=frames.Frames)

    async def read(self, told: Callable[[CardStep], None]) -> CardText:
        """Read a card once; one that lies there already is taken off first.

        It may be the one before's, who forgot it.
        """
        try:
            self.port.open()
        except PortLost as lost:
            raise CardFailed(CardStep.READER_GONE) from lost
        try:
            return await self._read(told)
        except PortLost as lost:
            raise CardFailed(CardStep.READER_GONE) from lost
        finally:
            self._frames.clear()
            self.port.close()

    async def _read(self, told: Callable[[CardStep], None]) -> CardText:
        await self._cleared(told)
        told(CardStep.PUT_ON)
        await self._found()
        told(CardStep.READING)
        await self._ask(frames.SELECT, frames.NOT_SELECTED)
        answer = await self._ask(frames.READ, frames.NOT_READ)
        found = card.read(answer.data)
        if found is None:
            raise CardFailed(CardStep.UNKNOWN_KIND)
        kind, sex = KINDS[found.kind], SEXES.get(found.sex, Sex.UNKNOWN)
        person = Person(found.name, kind, found.number, found.birth, sex)
        return CardText(person, found.until)

    async def _cleared(self, told: Callable[[CardStep], None]) -> None:
        """Wait until nothing lies there; a card held badly is missed but once."""
        missed = 0
        while missed < MISSED:
            missed += 1
            if await self._finds():
                told(CardStep.TAKE_OFF)
                missed = 0
            await asyncio.sleep(POLL)

    async def _found(self) -> None:
        while True:
            if await self._finds():
                return
            await asyncio.sleep(POLL)

    async def _finds(self) -> bool:
        answer = await self._exchange(frames.FIND)
        return answer.status == frames.FOUND

    async def _ask(self, asked: frames.Request, gone: int) -> frames.Reply:
        answer = await self._exchange(asked)
        if answer.status == gone:
            raise CardFailed(CardStep.REMOVED)
        if answer.status != frames.DONE:
            raise CardFailed(CardStep.UNREADABLE)
        return answer

    async def _exchange(self, asked: frames.Request) -> frames.Reply:
        """Ask until a whole answer comes, three times at most."""
        for _ in range(TRIES):
            self._frames.clear()
            spoilt = self._frames.spoilt
            self.port.write(asked.encode())
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    while self._frames.spoilt == spoilt:
                        if (answer := await self._next()) is not None:
                            return answer
            except TimeoutError:
                continue
        raise CardFailed(CardStep.UNREADABLE)

    async def _next(self) -> frames.Reply | None:
        await self._readable()
        for body in self._frames.feed(self.port.read()):
            return frames.reply(body)
        return None

    async def _readable(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        handle = self.port.handle
        loop.add_reader(handle, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(handle)
