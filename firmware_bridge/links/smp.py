"""A lock controller on a serial port, spoken to by SMP (Zephyr's MCUmgr)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from smpclient import SMPClient
from smpclient.exceptions import SMPClientException
from smpclient.generics import SMPRequest, TEr1, TEr2, TRep, success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, ResetWrite
from smpclient.transport.serial import (
    Auto,
    BufferParams,
    FragmentationStrategy,
    SMPSerialTransport,
)

from devices.model.errors import ControllerSilent
from devices.model.firmware import Slot

ANSWERS_WITHIN = 3.0
# The first part waits while the controller erases a whole slot.
ERASES_WITHIN = 40.0
ECHO = "lodge"
# The library tells at length, with hex dumps, what Lodge tells by itself.
logging.getLogger("smpclient").setLevel(logging.CRITICAL)


# Some controllers claim more room than they have, and fall silent: what broke off goes
# on in parts of two lines, then of one.
SMALLER = (BufferParams(line_buffers=2), BufferParams(line_buffers=1))


@dataclass(slots=True)
class SmpController:
    """Fulfils ControllerLink; the port is open only while something is said."""

    port: str
    baud: int = 115200
    _sizes: list[FragmentationStrategy] = field(
        default_factory=lambda: [Auto(), *SMALLER]
    )
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def slots(self) -> Sequence[Slot]:
        """Return what its slots hold."""
        async with self._open() as client:
            told = await self._ask(client, ImageStatesRead())
        return [
            Slot(
                bytes(each.hash or b""),
                each.version,
                bool(each.active),
                bool(each.confirmed),
                bool(each.pending),
            )
            for each in told.images
        ]

    async def upload(self, raw: bytes, told: Callable[[int], None]) -> None:
        """Send an image into the second slot; one that broke off goes on from there."""
        try:
            await self._upload(raw, told)
        except ControllerSilent:
            if len(self._sizes) > 1:
                del self._sizes[0]
            raise

    async def _upload(self, raw: bytes, told: Callable[[int], None]) -> None:
        async with self._open() as client:
            parts = client.upload(
                raw,
                first_timeout_s=ERASES_WITHIN,
                subsequent_timeout_s=ANSWERS_WITHIN,
            )
            async with aclosing(parts):  # type: ignore[type-var] # a generator, as told
                async for offset in parts:
                    told(offset)

    async def test(self, image: bytes) -> None:
        """Mark an image to be run once."""
        async with self._open() as client:
            await self._ask(client, ImageStatesWrite(hash=image))

    async def confirm(self, image: bytes) -> None:
        """Keep the image that runs."""
        async with self._open() as client:
            await self._ask(client, ImageStatesWrite(hash=image, confirm=True))

    async def reset(self) -> None:
        """Restart the controller; one that goes before it has answered has obeyed."""
        async with self._open() as client:
            try:
                await client.request(ResetWrite(), timeout_s=ANSWERS_WITHIN)
            except (TimeoutError, SMPClientException):
                return

    async def answers(self) -> bool:
        """Say whether it answers at all."""
        try:
            async with self._open() as client:
                told = await self._ask(client, EchoWrite(d=ECHO))
        except ControllerSilent:
            return False
        return bool(told.r == ECHO)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[SMPClient]:
        transport = SMPSerialTransport(
            fragmentation_strategy=self._sizes[0],
            baudrate=self.baud,
            write_timeout=ANSWERS_WITHIN,
            exclusive=True,
        )
        client = SMPClient(transport, self.port, ANSWERS_WITHIN)
        async with self._turn:
            try:
                await client.connect()
                yield client
            except (OSError, TimeoutError, SMPClientException) as error:
                raise ControllerSilent("the controller does not answer") from error
            finally:
                await client.disconnect()

    async def _ask(
        self, client: SMPClient, asked: SMPRequest[TRep, TEr1, TEr2]
    ) -> TRep:
        told = await client.request(asked, timeout_s=ANSWERS_WITHIN)
        if not success(told):
            raise ControllerSilent("the controller refused what it was asked")
        return told
