"""Which driver speaks to which lock, and which feed takes which message."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from devices.model.locks import Lock
from devices.ports import LockDriver
from firmware_bridge.links.broker import Incoming


@dataclass(slots=True)
class RoutedDriver:
    """Fulfils LockDriver by the lock's kind: what stands before `:` in its id."""

    default: LockDriver
    drivers: Mapping[str, LockDriver]

    def release(self, lock: Lock) -> Awaitable[None]:
        return self._of(lock).release(lock)

    def write_pin(self, lock: Lock, slot: int, pin: str) -> Awaitable[None]:
        return self._of(lock).write_pin(lock, slot, pin)

    def clear_pin(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._of(lock).clear_pin(lock, slot)

    def ask_slot(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._of(lock).ask_slot(lock, slot)

    def ask_state(self, lock: Lock) -> Awaitable[None]:
        return self._of(lock).ask_state(lock)

    def _of(self, lock: Lock) -> LockDriver:
        kind, told, _ = lock.id.partition(":")
        return self.drivers.get(kind, self.default) if told else self.default


class Feed(Protocol):
    """Takes messages from the broker."""

    def takes(self, topic: str) -> bool: ...
    def take(self, incoming: Incoming) -> Awaitable[None] | None: ...


@dataclass(frozen=True, slots=True)
class Feeds:
    """Gives each message to the one feed that takes its topic."""

    default: Feed
    others: Sequence[Feed]

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; await the answer to know it kept, None where nothing is."""
        for feed in self.others:
            if feed.takes(incoming.topic):
                return feed.take(incoming)
        return self.default.take(incoming)
