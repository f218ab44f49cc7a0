"""Forwards the register to a registry: in a person's order, once in effect."""

import asyncio
import hmac
import random
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cloud_sync.model import Answer, Delivery, DeliveryState, Dispatch, Outcome
from cloud_sync.ports import Deliveries, Registry
from cloud_sync.rules import next_in_line, police_report, settled
from cloud_sync.wire import Key
from devices.ports import Houses
from enrolment.ports import People, Register
from ledger.book import Book
from ledger.clock import Clock
from ledger.ids import TenantId

TICK = 0.5
LINES = 4


@dataclass(slots=True)
class Forwarding:
    """Keeps a registry in step with the register."""

    book: Book
    box: str
    register: Register
    people: People
    houses: Houses
    deliveries: Deliveries
    registry: Registry
    clock: Clock
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: set[TenantId] = field(default_factory=set)

    def wake(self) -> None:
        """Say that the register has grown; it is read at once."""
        self.grown.set()

    async def run(self) -> None:
        """Forward for ever."""
        while True:
            await self.forward_due()
            try:
                async with asyncio.timeout(TICK):
                    await self.grown.wait()
            except TimeoutError:
                continue
            self.grown.clear()

    async def forward_due(self) -> None:
        """Send every delivery that is due, several people side by side."""
        await self._note_new()
        waiting = await self.deliveries.unsettled(self.registry.profile)
        due = list(next_in_line(waiting, self.clock.now(), self._busy))
        lines = asyncio.Semaphore(LINES)
        async with asyncio.TaskGroup() as tasks:
            for delivery in due:
                tasks.create_task(self._forward(delivery, lines))

    async def retry(self, delivery: Delivery) -> None:
        """Queue a delivery again, by a person's word."""
        again = replace(delivery, state=DeliveryState.QUEUED, due=None, reason="")
        async with self.book.page() as page:
            self.deliveries.put(page, again)
        self.wake()

    async def _note_new(self) -> None:
        profile = self.registry.profile
        new = await self.register.after(await self.deliveries.last(profile))
        if not new:
            return
        now = self.clock.now()
        async with self.book.page() as page:
            for entry in new:
                noted = Delivery(
                    entry.sequence,
                    entry.id,
                    entry.version,
                    entry.tenant,
                    profile,
                    now,
                )
                self.deliveries.put(page, noted)

    async def _forward(self, delivery: Delivery, lines: asyncio.Semaphore) -> None:
        async with lines:
            self._busy.add(delivery.tenant)
            try:
                await self._send(delivery)
            finally:
                self._busy.discard(delivery.tenant)

    async def _send(self, delivery: Delivery) -> None:
        sending = replace(delivery, state=DeliveryState.SENDING)
        async with self.book.page() as page:
            self.deliveries.put(page, sending)
        answer = await self._answer(sending)
        chance = random.random()  # noqa: S311 - jitter, not a secret
        after = settled(sending, answer, self.clock.now(), chance)
        async with self.book.page() as page:
            self.deliveries.put(page, after)
            if answer.outcome is Outcome.ACCEPTED:
                salt = await self.people.salt(delivery.tenant)
                page.note("receipt", answer.receipt, salt)

    async def _answer(self, delivery: Delivery) -> Answer:
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
        return await self.registry.send(Dispatch(key, delivery.sequence, report))
