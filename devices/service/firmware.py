"""New firmware for a lock controller: tried first, kept only if it works."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from devices.model.errors import ControllerSilent, ImageRefused, UnknownDoor
from devices.model.firmware import (
    UNDER_WAY,
    Controller,
    ControllerId,
    Image,
    ImageFault,
    Slot,
    Step,
    Update,
    WaitsFor,
)
from devices.model.places import DoorId
from devices.ports import ControllerLink, Updates
from devices.rules.firmware import fault_of, standing, version_of, waits_for
from devices.service.watching import Watching
from ledger.book import Book
from ledger.clock import Clock

log = logging.getLogger(__name__)
# A controller swaps its images while it starts: a minute for the slowest.
BACK_WITHIN = 90.0
LOOK_AGAIN = 0.5
# How often a broken upload is taken up again; the controller remembers how far it was.
UPLOADS = 5
AFTER_A_BREAK = 1.0
HEALTHY_LOOKS = 3
RESUME_EVERY = 60.0


@dataclass(slots=True)
class Firmware:
    """Updates controllers, one of a kind first.

    `read` verifies an image by the pinned key; `board` names a board as images do;
    `healthy` says whether what hangs on a controller works; it raises UnknownDoor where
    the config names a door that is not there.
    """

    book: Book
    updates: Updates
    controllers: Mapping[ControllerId, Controller]
    links: Mapping[ControllerId, ControllerLink]
    watching: Watching
    read: Callable[[bytes], Image | ImageFault]
    board: Callable[[str], bytes]
    healthy: Callable[[Controller], Awaitable[bool]]
    salt: bytes
    clock: Clock
    soak: timedelta
    sent: dict[ControllerId, tuple[int, int]] = field(default_factory=dict)
    _busy: set[ControllerId] = field(default_factory=set)
    _asked: asyncio.Queue[tuple[Update, bytes]] = field(default_factory=asyncio.Queue)
    _counter: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def push(self, controller: ControllerId, raw: bytes) -> Update:
        """Take an image for a controller, if it may go there; it goes on by itself.

        Raises ImageRefused with the reason, before a byte is sent.
        """
        known = self.controllers.get(controller)
        if known is None:
            raise UnknownDoor("there is no such controller in the config")
        await self.healthy(known)  # that it can be asked, however it is
        image = self.read(raw)
        if isinstance(image, ImageFault):
            raise ImageRefused(image.value)
        async with self._counter:  # one after the other: each sees what was taken
            before = await self._may_go(known, image)
            update = Update(
                controller, image, Step.UPLOADING, self.clock.now(), before, known.board
            )
            self._busy.add(controller)  # before it is on disk: nobody else takes it up
            try:
                await self._keep(update)
            except BaseException:
                self._busy.discard(controller)
                raise
            self._asked.put_nowait((update, raw))
        return update

    async def run(self) -> None:
        """Carry updates through for ever; take up what a power cut left."""
        while True:
            await self.resume()
            await self.carry_next(RESUME_EVERY)

    async def carry_next(self, within: float) -> None:
        """Carry the next image that is pushed within some seconds as far as it goes."""
        try:
            async with asyncio.timeout(within):
                update, raw = await self._asked.get()
        except TimeoutError:
            return
        await self._carry(update, raw)

    async def resume(self) -> None:
        """Go on with updates whose image has arrived; the others have failed."""
        for update in await self.updates.every():
            known = update.controller in self.links and update.step in UNDER_WAY
            if known and update.controller not in self._busy:
                self._busy.add(update.controller)
                await self._carry(update, b"")

    async def _may_go(self, controller: Controller, image: Image) -> str:
        """Return the version that runs; raise ImageRefused where it has to stay."""
        waits = await self._waits(controller, image)
        if waits is not None:
            raise ImageRefused(waits.value)
        slots = await self.links[controller.id].slots()
        last = await self.updates.confirmed(controller.id)
        if fault := fault_of(image, self.board(controller.board), last, slots):
            raise ImageRefused(fault.value)
        runs = [version_of(slot.version) for slot in slots if slot.active]
        return str(runs[0]) if runs else ""

    async def _waits(self, controller: Controller, image: Image) -> WaitsFor | None:
        if controller.id in self._busy:
            return WaitsFor.ANOTHER_UPDATE
        if self._somebody(controller):
            return WaitsFor.SOMEBODY_AT_THE_DOOR
        known = [u for u in await self.updates.every() if u.controller in self.links]
        return waits_for(controller, image, known, self.clock.now(), self.soak)

    def _somebody(self, controller: Controller) -> bool:
        return self.watching.occupied(DoorId(controller.door))

    async def _carry(self, update: Update, raw: bytes) -> None:
        try:
            while (after := await self._next(update, raw)).step is not update.step:
                update = after
                await self._keep(update)
        except ControllerSilent:
            log.warning("controller %s does not answer", update.controller)
        finally:
            self._busy.discard(update.controller)
            self.sent.pop(update.controller, None)

    async def _next(self, update: Update, raw: bytes) -> Update:
        """Take the one step that is next; the same update where nothing can be done."""
        link, image = self.links[update.controller], update.image
        match step := standing(update, await link.slots()):
            case Step.UPLOADING:
                done = raw and await self._upload(update, raw)  # it is not kept here
                return replace(update, step=Step.UPLOADED if done else Step.FAILED)
            case Step.UPLOADED:
                await self._keep(replace(update, step=Step.TESTING))
                await link.test(image.hash)
                return replace(update, step=Step.RESET)
            case Step.RESET:
                return await self._restart(update)
            case Step.CONFIRMING:
                return await self._judge(update)
            case Step.CONFIRMED:
                return replace(update, step=step, at=self.clock.now())
            case _:
                return replace(update, step=step)

    async def _upload(self, update: Update, raw: bytes) -> bool:
        """Send the image, again from where it broke; say whether it arrived whole."""
        link, controller = self.links[update.controller], update.controller

        def told(offset: int) -> None:
            self.sent[controller] = offset, len(raw)

        for _ in range(UPLOADS):
            try:
                await link.upload(raw, told)
            except ControllerSilent:
                await asyncio.sleep(AFTER_A_BREAK)
                continue
            # What arrived is what was sent: the controller's own hash of its slot.
            return any(slot.hash == update.image.hash for slot in await link.slots())
        return False

    async def _restart(self, update: Update) -> Update:
        """Restart a controller when nobody is at its door; wait until it is back."""
        controller = self.controllers[update.controller]
        if self._somebody(controller):
            return update
        await self._keep(replace(update, step=Step.RESET))
        link = self.links[update.controller]
        await link.reset()
        after = replace(update, step=Step.CONFIRMING)
        slots = await self._started(
            link, lambda slots: not any(s.pending for s in slots)
        )
        return replace(after, step=standing(after, slots)) if slots else after

    async def _judge(self, update: Update) -> Update:
        """Confirm an image that works; restart into the one before where not."""
        controller = self.controllers[update.controller]
        link = self.links[update.controller]
        if await self._works(controller, link):
            await link.confirm(update.image.hash)
            return replace(update, step=Step.CONFIRMED, at=self.clock.now())
        if self._somebody(controller):
            return update
        await self._keep(replace(update, step=Step.CONFIRMING))
        await link.reset()
        tried = update.image.hash
        slots = await self._started(
            link, lambda slots: not any(s.active and s.hash == tried for s in slots)
        )
        return replace(update, step=Step.REVERTED if slots else Step.FAILED)

    async def _works(self, controller: Controller, link: ControllerLink) -> bool:
        for _ in range(HEALTHY_LOOKS):
            with suppress(UnknownDoor):
                if await link.answers() and await self.healthy(controller):
                    return True
            await asyncio.sleep(AFTER_A_BREAK)
        return False

    async def _started(
        self, link: ControllerLink, done: Callable[[Sequence[Slot]], bool]
    ) -> Sequence[Slot]:
        """Wait until a controller has started and its slots are so; nothing if never.

        It answers for a moment after it was told to restart: that it answers says
        nothing yet.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BACK_WITHIN):
                while True:
                    with suppress(ControllerSilent):
                        slots = await link.slots()
                        if done(slots):
                            return slots
                    await asyncio.sleep(LOOK_AGAIN)
        return ()

    async def _keep(self, update: Update) -> None:
        async with self.book.page() as page:
            self.updates.keep(page, update)
            told = f"{update.controller} {update.image.hash.hex()}".encode()
            page.note(f"firmware/{update.step.value}", told, self.salt)
