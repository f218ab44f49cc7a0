"""What the locks say of themselves, and how far each command has come."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import DevicesError, LockSilent
from devices.model.locks import OPEN, Bolt, CommandState, Lock, PinFacts, WhenAlone
from devices.model.places import LockId
from devices.ports import Journal, LockDriver
from devices.rules.pins import CONFIRM_WITHIN
from ledger.clock import Clock

SPOKE_EVERY = timedelta(minutes=1)
SHOWN_FOR = timedelta(minutes=5)
LOOK_EVERY = 0.1
UNDER_WAY = frozenset({CommandState.PENDING, CommandState.ACKNOWLEDGED})
# A lock that opens later than that was opened by somebody else.
ANSWERS_WITHIN = timedelta(minutes=1)


@dataclass(slots=True)
class Command:
    """An unlock on its way: what is known of it, and since when."""

    state: CommandState
    asked_at: datetime


@dataclass(slots=True)
class Locks:
    """The locks on the broker; a bolt's state is what the lock said, nothing else."""

    driver: LockDriver
    journal: Journal
    clock: Clock
    seen: dict[LockId, Lock] = field(default_factory=dict)
    keypads: tuple[str, ...] = ()
    commands: dict[LockId, Command] = field(default_factory=dict)
    kept: dict[LockId, tuple[asyncio.Future[None], datetime | None]] = field(
        default_factory=dict
    )
    alone: dict[LockId, WhenAlone] = field(default_factory=dict)
    strangers: dict[LockId, set[int]] = field(default_factory=dict)
    left: set[LockId] = field(default_factory=set)
    told: dict[LockId, PinFacts] = field(default_factory=dict)

    def find(self, lock: LockId) -> Lock:
        """Return what is known of a lock; raise LockSilent if it never spoke."""
        try:
            return self.seen[lock]
        except KeyError as error:
            raise LockSilent(f"lock {lock} has not been heard of") from error

    def discover(self, found: Sequence[Lock], keypads: Sequence[str] = ()) -> None:
        """Take locks and keypads that were found; what each said before stays."""
        self.keypads = tuple(sorted({*self.keypads, *keypads}))
        for lock in found:
            before = self.seen.get(lock.id, lock)
            self.seen[lock.id] = replace(
                before,
                name=lock.name,
                model=lock.model,
                slots=lock.slots,
                read_back=lock.read_back,
                first_slot=lock.first_slot,
                digits=lock.digits,
            )
            self._apply(lock.id)
            self.left.discard(lock.id)

    def unlearn(self, lock: LockId) -> None:
        """Forget what was said of a lock that is somewhere else now."""
        now = self.seen[lock]
        self.seen[lock] = replace(
            now, bolt=Bolt.UNKNOWN, battery=None, reachable=None, seen_at=None
        )

    def tell(self, told: Mapping[LockId, PinFacts]) -> None:
        """Take what people said that locks take; it goes before what a table says."""
        self.told = dict(told)
        for lock in self.seen:
            self._apply(lock)

    def _apply(self, lock: LockId) -> None:
        facts, now = self.told.get(lock), self.seen[lock]
        if facts is not None and now.slots:
            self.seen[lock] = replace(
                now, slots=facts.slots, first_slot=facts.first, digits=facts.digits
            )

    def leave(self, locks: Iterable[LockId]) -> None:
        """Take note that these locks are no longer on their bridge's list."""
        self.left.update(locks)

    def hear(self, lock: Lock, *, fresh: bool = True) -> Awaitable[None] | None:
        """Take a lock's word for its own state; await it to know it kept.

        None where it said nothing new: that it spoke is then kept once a minute. Only
        a `fresh` word by which the bolt moved answers a command: what a broker or a
        bridge kept and says again does not.
        """
        before = self.seen.get(lock.id)
        self.seen[lock.id] = lock
        moved = before is None or before.bolt not in OPEN
        if fresh and moved and lock.bolt in OPEN:
            self.confirm(lock.id)
        if before is not None and self._old(before, lock):
            return None
        kept = self.journal.see(lock)
        self.kept[lock.id] = kept, lock.seen_at
        return kept

    def _old(self, before: Lock, now: Lock) -> bool:
        """Say whether a lock said only what is on disk since a minute at most."""
        known = (before.bolt, before.battery, before.reachable, before.name)
        if known != (now.bolt, now.battery, now.reachable, now.name):
            return False
        kept, at = self.kept.get(now.id, (None, None))
        if kept is None or at is None or now.seen_at is None:
            return False
        on_disk = kept.done() and not kept.cancelled() and kept.exception() is None
        return on_disk and now.seen_at - at < SPOKE_EVERY

    def confirm(self, lock: LockId) -> bool:
        """Take a lock's word that it opened; say whether it was told to."""
        command = self.commands.get(lock)
        if command is None or self.clock.now() - command.asked_at > ANSWERS_WITHIN:
            return False
        if _open(command):
            command.state = CommandState.CONFIRMED
        return command.state is CommandState.CONFIRMED

    def fail(self, lock: LockId) -> None:
        """Take a lock's word that it could not do what it was told."""
        command = self.commands.get(lock)
        if command and _open(command):
            command.state = CommandState.FAILED

    def foreign(self, lock: LockId) -> set[int]:
        """Return the slots that hold a PIN which Lodge did not write."""
        return self.strangers.get(lock, set())

    def release(self, lock: LockId) -> Awaitable[None]:
        """Tell the lock to unlock, now; await the answer to know that it was taken."""
        command = Command(CommandState.PENDING, self.clock.now())
        self.commands[lock] = command
        try:
            return self._taken(command, self.driver.release(self.find(lock)))
        except DevicesError:
            command.state = CommandState.FAILED
            raise

    async def _taken(self, command: Command, told: Awaitable[None]) -> None:
        try:
            await told
        except DevicesError:
            command.state = CommandState.FAILED
            raise
        if command.state is CommandState.PENDING:
            command.state = CommandState.ACKNOWLEDGED

    def command(self, lock: LockId) -> CommandState | None:
        """Say how far the last unlock came; unanswered in time it is unknown."""
        command = self.commands.get(lock)
        if command is None:
            return None
        late = self.clock.now() - command.asked_at > CONFIRM_WITHIN
        return CommandState.UNKNOWN if late and _open(command) else command.state

    def latest(self, lock: LockId) -> CommandState | None:
        """Say how far a command came that was given a moment ago, not one of before."""
        command = self.commands.get(lock)
        if command is None or self.clock.now() - command.asked_at > SHOWN_FOR:
            return None
        return self.command(lock)

    async def came(self, lock: LockId, before: Command | None, within: float) -> bool:
        """Say whether a lock did, or at least took, what it was told since `before`.

        Waits for its own word for so many seconds.
        """
        state = None
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                # A lock's silence has no event.
                while state not in {CommandState.CONFIRMED, CommandState.FAILED}:
                    if self.commands.get(lock) is not before:
                        state = self.command(lock)
                    await asyncio.sleep(LOOK_EVERY)
        return self.took(lock, before)

    def took(self, lock: LockId, before: Command | None) -> bool:
        """Say whether a lock took what it was told since `before`.

        One that is not reachable took nothing, whatever a broker took for it.
        """
        if self.commands.get(lock) is before:
            return False
        state = self.command(lock)
        lost = lock not in self.seen or self.seen[lock].reachable is False
        taken = state is CommandState.ACKNOWLEDGED and not lost
        return state is CommandState.CONFIRMED or taken

    async def outcome(self, lock: LockId) -> CommandState | None:
        """Wait until a command came to its end, or nobody can know any more."""
        # A lock's silence has no event.
        while (state := self.command(lock)) in UNDER_WAY:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY)
        return state

    async def read_again(self, which: Iterable[LockId] | None = None) -> None:
        """Ask locks for their state, all of them after a break."""
        for lock in list(self.seen if which is None else which):
            with suppress(DevicesError):
                await self.driver.ask_state(self.seen[lock])


def _open(command: Command) -> bool:
    return command.state in UNDER_WAY
