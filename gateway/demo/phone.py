"""A phone with a token, over a Bluetooth adapter; and two adapters in the air.

`python -m gateway.demo.phone air A B` puts two virtual controllers on one link;
`python -m gateway.demo.phone tap TRANSPORT KEYFILE TOKEN` opens as a phone does and
prints what the door said.
"""

import asyncio
import sys
from pathlib import Path

from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devices.model.places import DoorId
from devices.rules.tokens import answer_to
from firmware_bridge.ble import frames
from ledger.keys import read_secret

WITHIN = 20.0
OVERHEAD = 3


async def air(*names: str) -> None:
    """Put virtual controllers on one link, each behind its transport."""
    link = LocalLink()  # type: ignore[no-untyped-call] # bumble
    lines = [await open_transport(name) for name in names]
    kept = [
        Controller(f"C{number}", line.source, line.sink, link)
        for number, line in enumerate(lines)
    ]
    print("ready", flush=True)  # noqa: T201 - for whoever started it
    await asyncio.Event().wait()
    del kept


async def tap(transport: str, mine: Ed25519PrivateKey, token: bytes) -> str:
    """Open the door in the air with a token; return what it said."""
    async with await open_transport(transport) as line:
        phone = Device.with_hci(
            "phone", Address.generate_static_address(), line.source, line.sink
        )
        capability = PairingDelegate.IoCapability.NO_OUTPUT_NO_INPUT
        phone.pairing_config_factory = lambda _connection: PairingConfig(
            sc=True, mitm=False, delegate=PairingDelegate(capability)
        )
        await phone.power_on()
        async with asyncio.timeout(WITHIN):
            return await _tap(phone, mine, token)


async def _tap(phone: Device, mine: Ed25519PrivateKey, token: bytes) -> str:
    seen = asyncio.get_running_loop().create_future()

    def see(advertisement: object) -> None:
        if not seen.done():
            seen.set_result(advertisement.address)  # type: ignore[attr-defined]

    phone.on("advertisement", see)
    await phone.start_scanning()
    connection = await phone.connect(await seen)
    await phone.stop_scanning()
    await connection.pair()
    peer = Peer(connection)
    size = await peer.request_mtu(517) - OVERHEAD
    await peer.discover_services()
    await peer.discover_characteristics()
    named = {
        uuid: peer.get_characteristics_by_uuid(UUID(uuid))[0]
        for uuid in (frames.CHALLENGE, frames.ANSWER, frames.RESULT)
    }
    said = asyncio.get_running_loop().create_future()
    await named[frames.RESULT].subscribe(lambda value: said.set_result(bytes(value)))
    asked = frames.Asked.decode(bytes(await named[frames.CHALLENGE].read_value()))
    signature = mine.sign(answer_to(DoorId(asked.door), asked.nonce, token))
    answer = frames.Answered(asked.nonce, signature, token).encode()
    for chunk in frames.chunks(answer, min(size, 244)):
        await named[frames.ANSWER].write_value(chunk, with_response=True)
    told: bytes = await said
    await connection.disconnect()
    return told.decode()


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["air", *names]:
            asyncio.run(air(*names))
        case ["tap", transport, path, token]:
            mine = Ed25519PrivateKey.from_private_bytes(read_secret(Path(path)))
            print(asyncio.run(tap(transport, mine, bytes.fromhex(token))))  # noqa: T201


if __name__ == "__main__":
    main()
