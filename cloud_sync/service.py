"""Forwards the register to a registry: in a person's order, once in effect."""

import asyncio
import hmac
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256

from cloud_sync.model import (
    SETTLED,
    Answer,
    Delivery,
    DeliveryState,
    Dispatch,
    Outcome,
    Settled,
)
from cloud_sync.ports import Deliveries, Registry
from cloud_sync.rules import OPEN, next_in_line, police_report, settled, superseded
from cloud_sync.wire import Key
from devices.model.tasks import Task, TaskId, TaskKind
from devices.ports import Houses, Tasks
from enrolment.model.register import Entry
from enrolment.ports import People, Register
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.ids import TenantId, new_id

log = logging.getLogger(__name__)
TICK = 0.25
REST = 5.0
LINES = 4
# A refused report is mended within the landlord's own term (domain.md §1, ZJ 9).
MEND_TERM = timedelta(days=3)
# A report that nobody has signed for by then is told of, well before any term
# (domain.md §1: 24 hours for foreigners, three working days); by then it is mended.
DELAYED_AFTER, DELAYED_TERM = timedelta(hours=6), timedelta(hours=12)


@dataclass(slots=True)
class Forwarding:
    """Keeps a registry in step with the register."""

    book: Book
    box: str
    register: Register
    people: People
    houses: Houses
    deliveries: Deliveries
    tasks: Tasks
    registry: Registry
    clock: Clock
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: set[TenantId] = field(default_factory=set)

    def wake(self) -> None:
        """Say that the register has grown; it is read at once."""
        self.grown.set()

    async def run(self) -> None:
        """Forward for ever: at once what is new, in time what is to be tried again."""
        while True:
            self.grown.clear()
            waiting = await self.forward_due()
            try:
                async with asyncio.timeout(TICK if waiting else REST):
                    await self.grown.wait()
            except TimeoutError:
                continue

    async def forward_due(self) -> int:
        """Send every delivery that is due, several people side by side.

        Returns how many deliveries are not accepted yet.
        """
        profile = self.registry.profile
        found = await self.deliveries.unsettled(profile)
        new = [self._noted(entry) for entry in await self._new(profile)]
        over = {each.sequence: each for each in await self._superseded(found)}
        known = [each for each in found if each.sequence not in over]
        now = self.clock.now()
        due = list(next_in_line([*known, *new], now, self._busy))
        sending = {each: replace(each, state=DeliveryState.SENDING) for each in due}
        page = Page()
        for each in {*new, *due, *over.values()}:
            self.deliveries.put(page, sending.get(each, each))
        kept = self.book.submit(page)
        lines = asyncio.Semaphore(LINES)
        async with asyncio.TaskGroup() as tasks:
            for each in sending.values():
                tasks.create_task(self._forward(each, kept, lines))
        await kept
        return len(known) + len(new)

    async def _superseded(self, found: Sequence[Delivery]) -> list[Delivery]:
        rejected = [each for each in found if each.state is DeliveryState.REJECTED]
        if not rejected:
            return []
        among = {each.registration for each in rejected}
        return list(superseded(rejected, await self.register.corrected(among)))

    async def retry(self, delivery: Delivery) -> None:
        """Queue a delivery again, by a person's word; raise Settled where done."""
        if delivery.state in SETTLED:
            raise Settled("this has had its effect, or a correction went in its place")
        again = replace(delivery, state=DeliveryState.QUEUED, due=None, reason="")
        async with self.book.page() as page:
            self.deliveries.put(page, again)
        self.wake()

    async def _new(self, profile: str) -> Sequence[Entry]:
        return await self.register.after(await self.deliveries.last(profile))

    def _noted(self, entry: Entry) -> Delivery:
        profile, now = self.registry.profile, self.clock.now()
        named = (entry.sequence, entry.id, entry.version, entry.tenant)
        return Delivery(*named, profile, now)

    async def _forward(
        self, sending: Delivery, kept: asyncio.Future[None], lines: asyncio.Semaphore
    ) -> None:
        async with lines:
            self._busy.add(sending.tenant)
            try:
                await self._send(sending, kept)
            finally:
                self._busy.discard(sending.tenant)

    async def _send(self, sending: Delivery, kept: asyncio.Future[None]) -> None:
        dispatch = await self._dispatch(sending)
        await kept  # that it is on its way is on disk before the first byte leaves
        answer = await self._told(dispatch)
        chance = random.random()  # noqa: S311 - jitter, not a secret
        if answer.told_at is not None:
            self.clock.witness(answer.told_at)
        after = settled(sending, answer, self.clock.now(), chance)
        delayed = await self._delayed(after) if after.state in OPEN else None
        async with self.book.page() as page:
            self.deliveries.put(page, after)
            if answer.outcome is Outcome.REJECTED:
                mend = TaskKind.MEND_REPORT, MEND_TERM
                self.tasks.open(page, await self._task(sending, *mend))
            if delayed is not None:
                self.tasks.open(page, delayed)
            if answer.outcome is Outcome.ACCEPTED:
                self.tasks.close(page, sending.registration, self.clock.now())
                salt = await self.people.salt(sending.tenant)
                page.note("receipt", answer.receipt, salt)

    async def _told(self, dispatch: Dispatch) -> Answer:
        """Send; what an answer breaks here costs its own report, and is not known."""
        try:
            return await self.registry.send(dispatch)
        except Exception as error:
            log.exception("an answer was not understood: %s", type(error).__name__)
            return Answer(Outcome.UNKNOWN, f"not understood: {type(error).__name__}")

    async def _delayed(self, waits: Delivery) -> Task | None:
        """Return what somebody has to do about a report that waits for long, once."""
        if self.clock.now() - waits.noted_at < DELAYED_AFTER:
            return None
        kind = TaskKind.REPORT_DELAYED
        task = await self._task(waits, kind, DELAYED_TERM)
        known = await self.tasks.of(task.owner)
        told = any((each.kind, each.about) == (kind, task.about) for each in known)
        return None if told else task

    async def _task(self, sending: Delivery, kind: TaskKind, term: timedelta) -> Task:
        found = await self.register.find(sending.registration, sending.version)
        house = await self.houses.house(found.house)
        return Task(
            TaskId(new_id()),
            kind,
            house.landlord.account,
            sending.registration,
            self.clock.now(),
            term,
        )

    async def _dispatch(self, delivery: Delivery) -> Dispatch:
        found = await self.register.find(delivery.registration, delivery.version)
        house = await self.houses.house(found.house)
        rooms = await self.houses.rooms(found.house)
        room = next(room for room in rooms if room.id == found.room)
        key = Key(
            self.box,
            self.book.epoch,
            delivery.registration,
            delivery.version,
            delivery.profile,
        )
        salt = await self.people.salt(delivery.tenant)
        nonce = hmac.digest(salt, str(key).encode(), sha256).hex()
        report = police_report(found, house, room, nonce)
        return Dispatch(key, delivery.sequence, report)
