"""An ID card on the box's reader, for the one tenant whose turn it is."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enrolment.model.documents import CardStep, Person
from enrolment.model.errors import CardFailed, OutOfTurn, ReaderBusy
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.ports import CardReader
from enrolment.rules.days import day_here
from enrolment.rules.documents import card_fault, normal_name
from ledger.clock import Clock

# A person finds his card and puts it on; after that the reader is the next one's.
TURN = timedelta(minutes=2)
UNDER_WAY = frozenset(
    {CardStep.LOOKING, CardStep.TAKE_OFF, CardStep.PUT_ON, CardStep.READING}
)


@dataclass(slots=True)
class Turn:
    """Whose card is read, how far it is, and what it said; in memory alone."""

    lease: LeaseId
    until: datetime
    step: CardStep = CardStep.LOOKING
    person: Person | None = field(default=None, repr=False)


@dataclass(slots=True)
class CardReadings:
    """Reads one card for one claim; what it said is gone once it is taken or late."""

    reader: CardReader | None
    clock: Clock
    turn: Turn | None = None
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def there(self) -> bool:
        """Whether this box has a reader."""
        return self.reader is not None

    def ask(self, lease: Lease) -> None:
        """Give the reader to a tenant; raise ReaderBusy while it is another's."""
        if lease.stage not in {Stage.NOTICED, Stage.IDENTIFIED}:
            raise OutOfTurn("read the notice first")
        turn = self._turn()
        if turn is not None and turn.lease != lease.id:
            raise ReaderBusy("another tenant's card is being read")
        if turn is not None and turn.step in UNDER_WAY:
            return  # a second tap
        self.turn = Turn(lease.id, self.clock.now() + TURN)
        self._asked.set()

    def of(self, lease: Lease) -> Turn | None:
        """Say how far a tenant's own reading is; None where there is none."""
        turn = self._turn()
        return turn if turn is not None and turn.lease == lease.id else None

    def take(self, lease: Lease) -> Person:
        """Take what the card said, once."""
        turn = self.of(lease)
        if turn is None or turn.person is None:
            raise OutOfTurn("put the card on the reader first")
        self.turn = None
        return turn.person

    async def run(self) -> None:
        """Read cards for ever, each when somebody asks."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TURN.total_seconds()):
                    await self._asked.wait()
                self._asked.clear()
                await self.read_next()
            self._turn()  # whoever does not take it loses it

    async def read_next(self) -> None:
        """Read the card of whose turn it is."""
        turn = self._turn()
        if turn is None or self.reader is None:
            return

        def told(step: CardStep) -> None:
            turn.step = step

        try:
            async with asyncio.timeout(TURN.total_seconds()):
                found = await self.reader.read(told)
        except CardFailed as failed:
            turn.step = failed.step
            return
        except TimeoutError:
            turn.step = CardStep.NOBODY_CAME
            return
        today = day_here(self.clock.now())
        fault = card_fault(found, today)
        turn.step = fault or CardStep.READ
        name = normal_name(found.person.name)
        if fault is None and name is not None:
            turn.person = replace(found.person, name=name)

    def _turn(self) -> Turn | None:
        if self.turn is not None and self.clock.now() >= self.turn.until:
            self.turn = None
        return self.turn
