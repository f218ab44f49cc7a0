"""A door that takes tokens over Bluetooth LE."""

from dataclasses import dataclass, field

from devices.model.errors import UnknownDoor
from devices.model.places import DoorId
from devices.ports import Houses
from devices.rules.tokens import ANSWER_WITHIN
from devices.service.showing import Showing
from firmware_bridge.ble import frames
from firmware_bridge.links.bluetooth import BluetoothDoor


@dataclass(slots=True)
class BluetoothKeys:
    """Hands what phones show at one adapter to the door beside it."""

    transport: str
    door: DoorId
    houses: Houses
    showing: Showing
    link: BluetoothDoor = field(init=False)

    def __post_init__(self) -> None:
        again = ANSWER_WITHIN.total_seconds() / 2
        self.link = BluetoothDoor(self.transport, self._ask, self._take, again)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self.link.run()

    def _ask(self) -> bytes:
        asked = self.showing.challenge(self.door)
        return frames.Asked(asked.nonce, self.door).encode()

    async def _take(self, message: bytes) -> bytes:
        answer = frames.Answered.decode(message)
        if answer is None:
            return frames.result("forged")
        try:
            door = await self.houses.door(self.door)
        except UnknownDoor:
            return frames.result("wrong_door")
        verdict = await self.showing.answer(
            door, answer.nonce, answer.token, answer.signature
        )
        return frames.result(verdict.refusal.value if verdict.refusal else None)
