"""A Bluetooth LE adapter as a door: advertises, pairs, carries chunks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bumble import gatt, utils
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.hci import Address
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

from firmware_bridge.ble import frames

NAME = "Lodge"
QUIET_WITHIN = 30.0


@dataclass(slots=True)
class Phone:
    """A phone that is connected: what it was asked, what it has sent so far."""

    joiner: frames.Joiner = field(default_factory=frames.Joiner)
    asked: bytes = b""
    asked_at: float = 0.0


Ask = Callable[[], bytes]
Take = Callable[[bytes], Awaitable[bytes]]


@dataclass(slots=True)
class BluetoothDoor:
    """One adapter at one door; LE Secure Connections, every value encrypted.

    `ask` makes a fresh challenge, `take` answers a whole message.
    """

    transport: str
    ask: Ask
    take: Take
    again_after: float
    phones: dict[int, Phone] = field(default_factory=dict)
    up: bool = False

    async def run(self) -> None:
        """Serve until cancelled; raises where the adapter is lost."""
        async with await open_transport(self.transport) as line:
            device = Device.with_hci(
                NAME, Address.generate_static_address(), line.source, line.sink
            )
            device.pairing_config_factory = _pairing
            device.add_service(self._service(device))
            device.on("connection", self._come)
            await device.power_on()
            await _advertise(device)
            self.up = True
            try:
                await line.source.wait_for_termination()
            finally:
                self.up = False
        raise ConnectionError("the Bluetooth adapter is gone")

    def _service(self, device: Device) -> gatt.Service:
        told: gatt.Characteristic[bytes] = gatt.Characteristic(
            frames.RESULT,
            gatt.Characteristic.Properties.NOTIFY,
            gatt.Characteristic.READ_REQUIRES_ENCRYPTION,
        )

        async def write(phone: Connection | None, chunk: bytes) -> None:
            if phone is None:
                return
            for message in self.phones[phone.handle].joiner.feed(bytes(chunk)):
                answer = await self.take(message)
                await device.notify_subscriber(phone, told, answer)

        challenge: gatt.Characteristic[bytes] = gatt.Characteristic(
            frames.CHALLENGE,
            gatt.Characteristic.Properties.READ,
            gatt.Characteristic.READABLE | gatt.Characteristic.READ_REQUIRES_ENCRYPTION,
            gatt.CharacteristicValue(read=self._challenge),
        )
        answer: gatt.Characteristic[bytes] = gatt.Characteristic(
            frames.ANSWER,
            gatt.Characteristic.Properties.WRITE,
            gatt.Characteristic.WRITEABLE
            | gatt.Characteristic.WRITE_REQUIRES_ENCRYPTION,
            gatt.CharacteristicValue(write=write),
        )
        return gatt.Service(frames.SERVICE, [challenge, answer, told])

    def _challenge(self, phone: Connection | None) -> bytes:
        """Return what a phone is asked; the same while it reads it in parts."""
        if phone is None:
            return b""
        known, now = self.phones[phone.handle], asyncio.get_running_loop().time()
        if not known.asked or now - known.asked_at > self.again_after:
            known.asked, known.asked_at = self.ask(), now
        return known.asked

    def _come(self, phone: Connection) -> None:
        self.phones[phone.handle] = Phone()
        phone.on("disconnection", lambda _reason: self.phones.pop(phone.handle, None))
        loop = asyncio.get_running_loop()
        loop.call_later(QUIET_WITHIN, self._hang_up, phone)

    def _hang_up(self, phone: Connection) -> None:
        if phone.handle in self.phones:
            _ = utils.cancel_on_event(phone, "disconnection", phone.disconnect())


def _pairing(_connection: Connection) -> PairingConfig:
    # A door has no screen and no keys: it pairs by Secure Connections without a
    # number to compare. Who may open is settled by token and challenge alone.
    capability = PairingDelegate.IoCapability.NO_OUTPUT_NO_INPUT
    return PairingConfig(sc=True, mitm=False, delegate=PairingDelegate(capability))


async def _advertise(device: Device) -> None:
    service = AdvertisingData(
        [
            (AdvertisingData.FLAGS, bytes([0x06])),
            (
                AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
                bytes(UUID(frames.SERVICE)),
            ),
        ]
    )
    # Seen again as soon as a phone has gone.
    await device.start_advertising(advertising_data=bytes(service), auto_restart=True)
