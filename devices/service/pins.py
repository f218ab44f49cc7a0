"""PINs are drawn, held against those of others, and given a slot at each lock."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from devices.model.errors import NoCommonLength, NoFreeSlot
from devices.model.keys import CredentialState
from devices.model.places import LockId
from devices.ports import KeyRing
from devices.rules.pins import drawn, free_slot, length, weak
from devices.service.locks import Locks

TRIES = 1000
# One slot in so many is for residents alone: no visitor keeps one from moving in.
KEPT = 4


@dataclass(frozen=True, slots=True)
class Pins:
    """Draws PINs and finds their slots."""

    keys: KeyRing
    locks: Locks

    def fresh(self, locks: Sequence[LockId]) -> str:
        """Draw a PIN that is not weak and that nobody has at these locks.

        Raises NoFreeSlot where none is left, NoCommonLength where no PIN fits all.
        """
        digits = self.length(locks)
        for _ in range(TRIES):
            pin = drawn(digits)
            if not weak(pin) and not self.taken(pin, locks):
                return pin
        raise NoFreeSlot("no PIN is left for this lock")

    def length(self, locks: Sequence[LockId]) -> int:
        """Return how many digits a PIN has that these locks take, or NoCommonLength."""
        known = [self.locks.find(lock) for lock in locks]
        # A lock that keeps no PINs leaves them to a keypad of any length.
        digits = length(each.digits for each in known if each.slots or each.digits.sure)
        if digits is None:
            raise NoCommonLength("these locks take PINs of different lengths")
        return digits

    def taken(self, pin: str, locks: Sequence[LockId]) -> bool:
        """Say whether a PIN or a card's number is somebody's at one of these locks."""
        return any(self.keys.find(self.keys.digest(lock, pin)) for lock in locks)

    def slot(
        self,
        lock: LockId,
        besides: AbstractSet[int] = frozenset(),
        *,
        resident: bool = True,
    ) -> int:
        """Return the lowest free slot of a lock but for `besides`; 0 where it has none.

        The last ones are kept for residents. Raises NoFreeSlot where all are taken,
        also by what Lodge did not write.
        """
        at = self.locks.find(lock)
        if not (slots := at.slots):
            return 0
        taken = {
            given.slot
            for given, _ in self.keys.credentials()
            if given.lock == lock and given.state is not CredentialState.CLEARED
        }
        most = slots if resident else slots - slots // KEPT
        foreign = self.locks.foreign(lock)
        slot = free_slot(taken | besides | foreign, most, at.first_slot)
        if slot is None:
            raise NoFreeSlot("every PIN slot of this lock is taken; clear one first")
        return slot
