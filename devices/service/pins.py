"""PINs are drawn, held against those of others, and given a slot at each lock."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from devices.model.errors import NoFreeSlot
from devices.model.keys import CredentialState
from devices.model.places import LockId
from devices.ports import KeyRing
from devices.rules.pins import drawn, free_slot, weak
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
        """Draw a PIN that is not weak and that nobody has at these locks."""
        for _ in range(TRIES):
            pin = drawn()
            if not weak(pin) and not self.taken(pin, locks):
                return pin
        raise NoFreeSlot("no PIN is left for this lock")

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
        slots = self.locks.find(lock).slots
        if not slots:
            return 0
        taken = {
            given.slot
            for given, _ in self.keys.credentials()
            if given.lock == lock and given.state is not CredentialState.CLEARED
        }
        most = slots if resident else slots - slots // KEPT
        slot = free_slot(taken | besides | self.locks.foreign(lock), most)
        if slot is None:
            raise NoFreeSlot("every PIN slot of this lock is taken; clear one first")
        return slot
