"""A card is held to the keypad once, and stands for a key from then on."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devices.model.errors import CardUnfit
from devices.model.keys import EKey, EKeyId, Verdict
from devices.model.places import Door, DoorId
from devices.ports import KeyRing
from devices.rules.pins import card
from devices.service.access import Access
from devices.service.ekeys import EKeys
from ledger.clock import Clock

WAITS = timedelta(minutes=1)


@dataclass(slots=True)
class Cards:
    """Takes codes from keypads: a card that is waited for, or a code to be judged."""

    keys: KeyRing
    ekeys: EKeys
    access: Access
    clock: Clock
    waiting: dict[DoorId, tuple[EKeyId, datetime]] = field(default_factory=dict)

    def wait_for(self, door: Door, key: EKey) -> None:
        """Let the next new card at a door's keypad stand for a key, for a minute."""
        self.waiting[door.id] = (key.id, self.clock.now() + WAITS)

    def awaits(self, door: DoorId) -> bool:
        """Say whether a card is waited for at a door."""
        waits = self.waiting.get(door)
        return waits is not None and self.clock.now() < waits[1]

    async def present(self, door: Door, code: str) -> Verdict | None:
        """Take a code from a door's keypad; None where it was the card waited for."""
        known = self.keys.find(self.keys.digest(door.lock, code))
        if known is None and card(code) and self.awaits(door.id):
            key, _ = self.waiting.pop(door.id)
            try:
                await self.ekeys.add_card(self.keys.key(key), code)
            except CardUnfit:
                return await self.access.present(door, code)
            return None
        return await self.access.present(door, code)
