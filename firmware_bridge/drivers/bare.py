"""Locks that keep no PINs of their own and are asked nothing."""

from collections.abc import Awaitable

from devices.model.errors import LockSilent
from devices.model.locks import Lock


class BareDriver:
    """What LockDriver asks beyond moving the bolt, where a lock knows nothing of it."""

    __slots__ = ()

    def write_pin(self, lock: Lock, slot: int, pin: str) -> Awaitable[None]:
        del pin
        return self.clear_pin(lock, slot)

    def clear_pin(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self.ask_slot(lock, slot)

    def ask_slot(self, lock: Lock, slot: int) -> Awaitable[None]:
        raise LockSilent(f"{lock.name} keeps no PINs, so none in slot {slot}")

    async def ask_state(self, lock: Lock) -> None:
        """Ask nothing: such a lock says of itself what it says."""
        del lock
