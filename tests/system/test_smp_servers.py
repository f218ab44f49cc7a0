"""Updates against real Zephyr SMP servers: native_sim, and MCUboot under QEMU."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.model.errors import ControllerSilent, ImageRefused
from devices.model.firmware import Controller, Step
from firmware_bridge.drivers.signing import Label, sign
from firmware_bridge.links.smp import SmpController
from tests.system.controllers import BOARD
from tests.system.smp_servers import (
    LOADER,
    MICROBIT,
    QEMU,
    SERVERS,
    Microbit,
    native_sim,
    program_of,
)
from tests.system.test_firmware import ONE, Bench, desk
from tests.system.world import World

__all__ = ["desk"]
pytestmark = [
    pytest.mark.skipif(
        not (SERVERS.exists() and LOADER.exists() and QEMU.exists()),
        reason="`make test` fetches the servers and what runs them",
    ),
]
SLOT = 0x1C000


async def test_a_server_without_images_is_told_from_a_silent_one(
    tmp_path: Path,
) -> None:
    async with native_sim(tmp_path) as port:
        link = SmpController(port)
        assert await link.answers()
        with pytest.raises(ControllerSilent, match="refused"):
            await link.slots()
    assert not await link.answers()


def signed(desk, version: str, counter: int, **more) -> bytes:
    program, header = program_of(f"{MICROBIT}.signed.bin")
    (desk.folder / "program.bin").write_bytes(program)
    label = Label(version, counter, more.get("board", BOARD), SLOT, header)
    out = desk.folder / f"{version}.signed.bin"
    sign(desk.folder / "program.bin", out, more.get("key", desk.key), label)
    return out.read_bytes()


@pytest.fixture
async def microbit(world: World, desk) -> AsyncIterator[Bench]:
    found = Bench(world, desk)
    board = Microbit()
    try:
        await board.start()
        found.controllers = {ONE: Controller(ONE, BOARD, world.door.id)}
        found.real = {ONE: board}
        found.begin()
        assert await found.firmware.links[ONE].answers()
        yield found
    finally:
        await board.stop()


async def test_mcuboot_tries_an_image_keeps_it_and_goes_back_from_a_bad_one(
    microbit: Bench, desk
) -> None:
    link = microbit.firmware.links[ONE]
    first = signed(desk, "0.0.1", 1)
    spoilt = first[:9000] + bytes([first[9000] ^ 1]) + first[9001:]
    with pytest.raises(ImageRefused, match="changed"):
        await microbit.firmware.push(ONE, spoilt)
    assert len(await link.slots()) == 1
    assert await microbit.pushed(first) is Step.CONFIRMED
    running = next(slot for slot in await link.slots() if slot.active)
    assert (running.hash, running.confirmed) == (microbit.hash(first), True)
    with pytest.raises(ImageRefused, match="older"):
        await microbit.firmware.push(ONE, signed(desk, "0.0.0", 1))
    microbit.well = False
    second = signed(desk, "0.0.2", 2)
    assert await microbit.pushed(second) is Step.REVERTED
    running = next(slot for slot in await link.slots() if slot.active)
    assert (running.hash, running.confirmed) == (microbit.hash(first), True)
