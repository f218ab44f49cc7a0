"""Updates of a lock controller: tried first, kept only if it works."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from devices.adapters.updates import LedgerUpdates
from devices.model.errors import ControllerSilent, ImageRefused, UnknownDoor
from devices.model.firmware import UNDER_WAY, Controller, ControllerId, Step
from devices.service import firmware as service
from devices.service.firmware import Firmware
from firmware_bridge.links.smp import SmpController
from firmware_bridge.smp.image import board_id, read
from gateway.demo.controller import IMAGES, UPLOAD, Flash, SimulatedController
from tests.system.controllers import BOARD, Workshop, unsigned
from tests.system.test_broker_link import until
from tests.system.world import World

ONE, TWO = ControllerId("one"), ControllerId("two")
SOAK = timedelta(hours=24)


class Bench:
    """Two controllers of a kind at doors of a house, and the box that updates them."""

    def __init__(self, world: World, desk: Workshop) -> None:
        self.world, self.desk, self.well = world, desk, True
        self.old, self.new = desk.image("1.0.0"), desk.image("1.1.0", 2)
        self.controllers = {
            ONE: Controller(ONE, BOARD, world.door.id),
            TWO: Controller(TWO, BOARD),
        }
        self.real = {each: SimulatedController(Flash(self.old)) for each in (ONE, TWO)}
        self.begin()

    def begin(self, wrap=lambda link: link) -> None:
        """Begin the box's side, from the ledger alone."""
        links = {name: wrap(SmpController(r.path)) for name, r in self.real.items()}
        world = self.world
        self.firmware = Firmware(
            world.stores.book,
            LedgerUpdates(world.stores.book),
            self.controllers,
            links,
            world.watching,
            lambda raw: read(raw, self.desk.pinned),
            board_id,
            self.healthy,
            b"salt",
            world.clock,
            SOAK,
        )

    async def healthy(self, _controller: Controller) -> bool:
        if isinstance(self.well, Exception):
            raise self.well
        return self.well

    async def pushed(self, raw: bytes | None = None, to: ControllerId = ONE) -> Step:
        await self.firmware.push(to, self.new if raw is None else raw)
        await self.firmware.carry_next(1)
        return await self.step(to)

    async def step(self, of: ControllerId = ONE) -> Step | None:
        update = await self.firmware.updates.of(of)
        return update.step if update else None

    def hash(self, raw: bytes) -> bytes:
        return read(raw, self.desk.pinned).hash


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("desk"))


@pytest.fixture
async def bench(
    world: World, desk: Workshop, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    for name in ("AFTER_A_BREAK", "LOOK_AGAIN"):
        monkeypatch.setattr(service, name, 0.02)
    monkeypatch.setattr(service, "BACK_WITHIN", 8.0)
    monkeypatch.setattr("firmware_bridge.links.smp.ANSWERS_WITHIN", 1.0)
    found = Bench(world, desk)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.run()) for each in found.real.values()]
        yield found
        for each in running:
            each.cancel()


async def test_a_new_image_is_tried_and_kept(bench: Bench) -> None:
    assert await bench.pushed() is Step.CONFIRMED
    assert bench.real[ONE].running == bench.hash(bench.new)
    assert bench.real[ONE].flash.confirmed
    update = await bench.firmware.updates.of(ONE)
    assert update.before == "1.0.0+0"
    assert (await bench.firmware.updates.confirmed(ONE)).counter == 2


async def test_an_image_that_does_not_work_is_given_back(bench: Bench) -> None:
    bench.well = False
    assert await bench.pushed() is Step.REVERTED
    assert bench.real[ONE].running == bench.hash(bench.old)
    assert bench.real[ONE].flash.confirmed
    bench.well = True
    assert await bench.pushed() is Step.CONFIRMED


async def test_an_image_that_never_answers_comes_back_by_the_next_start(
    bench: Bench,
) -> None:
    bench.real[ONE].broken.add(bench.hash(bench.new))
    assert await bench.pushed() in UNDER_WAY
    bench.real[ONE].cut_power()  # as its own watchdog does
    await asyncio.sleep(0.1)
    await bench.firmware.resume()
    assert await bench.step() is Step.REVERTED
    assert bench.real[ONE].running == bench.hash(bench.old)


def spoilt(bench: Bench) -> dict[str, bytes]:
    new, desk = bench.new, bench.desk
    other = Workshop(desk.folder / "other")
    return {
        "not_an_image": b"rubbish" * 50,
        "truncated": new[:600],
        "unsigned": unsigned(new),
        "changed": new[:700] + bytes([new[700] ^ 1]) + new[701:],
        "other_key": other.image("1.1.0", 2),
        "older": desk.image("0.9.0", 2),
        "other_board": desk.image("1.1.0", 2, board="another"),
    }


async def test_what_must_not_go_there_is_refused_and_nothing_written(
    bench: Bench,
) -> None:
    for why, raw in spoilt(bench).items():
        with pytest.raises(ImageRefused) as refused:
            await bench.firmware.push(ONE, raw)
        assert refused.value.why == why
    assert (IMAGES, UPLOAD) not in bench.real[ONE].asked
    assert await bench.step() is None
    with pytest.raises(UnknownDoor):
        await bench.firmware.push(ControllerId("three"), bench.new)


async def test_a_security_counter_never_falls(bench: Bench) -> None:
    assert await bench.pushed() is Step.CONFIRMED
    with pytest.raises(ImageRefused, match="older"):
        await bench.firmware.push(ONE, bench.desk.image("1.2.0", 1))
    with pytest.raises(ImageRefused, match="older"):
        await bench.firmware.push(ONE, bench.old)


async def test_the_first_of_a_kind_goes_alone(bench: Bench) -> None:
    assert await bench.pushed() is Step.CONFIRMED
    with pytest.raises(ImageRefused, match="first_of_its_kind"):
        await bench.firmware.push(TWO, bench.new)
    bench.world.clock.move(SOAK)
    assert await bench.pushed(to=TWO) is Step.CONFIRMED


async def test_a_second_image_waits_for_the_first(bench: Bench) -> None:
    await bench.firmware.push(ONE, bench.new)
    with pytest.raises(ImageRefused, match="another_update"):
        await bench.firmware.push(ONE, bench.desk.image("1.2.0", 2))
    await bench.firmware.carry_next(1)
    assert bench.real[ONE].running == bench.hash(bench.new)


async def test_a_long_update_is_not_cut_by_the_look_for_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RESUME_EVERY", 0.05)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.firmware.run())
        await bench.firmware.push(ONE, bench.new)
        await until(lambda: bench.real[ONE].flash.secondary == bench.old)
        await until(lambda: bench.real[ONE].flash.confirmed)
        running.cancel()
    assert bench.real[ONE].written == len(bench.new)


async def test_nothing_starts_while_somebody_is_at_the_door(bench: Bench) -> None:
    watching, door = bench.world.watching, bench.world.door.id
    watching.somebody(door, there=True)
    with pytest.raises(ImageRefused, match="somebody_at_the_door"):
        await bench.firmware.push(ONE, bench.new)
    watching.somebody(door, there=False)
    await bench.firmware.push(ONE, bench.new)
    watching.somebody(door, there=True)  # he comes while it is being sent
    await bench.firmware.carry_next(1)
    assert await bench.step() is Step.RESET
    assert bench.real[ONE].running == bench.hash(bench.old)
    watching.somebody(door, there=False)
    await bench.firmware.resume()
    assert await bench.step() is Step.CONFIRMED


async def test_of_two_images_pushed_at_once_one_goes(bench: Bench) -> None:
    told = await asyncio.gather(
        bench.firmware.push(ONE, bench.new),
        bench.firmware.push(TWO, bench.desk.image("1.2.0", 2)),
        bench.firmware.push(ONE, bench.desk.image("1.3.0", 2)),
        return_exceptions=True,
    )
    refused = [each.why for each in told if isinstance(each, ImageRefused)]
    assert refused == ["another_update"] * 2


async def test_what_waits_for_a_restart_is_not_overwritten(bench: Bench) -> None:
    watching, door = bench.world.watching, bench.world.door.id
    await bench.firmware.push(ONE, bench.new)
    watching.somebody(door, there=True)
    await bench.firmware.carry_next(1)
    watching.somebody(door, there=False)
    with pytest.raises(ImageRefused, match="another_update"):
        await bench.firmware.push(ONE, bench.desk.image("1.2.0", 2))
    await bench.firmware.resume()
    assert bench.real[ONE].running == bench.hash(bench.new)


async def test_an_image_that_never_arrived_blocks_no_other_controller(
    bench: Bench,
) -> None:
    await bench.firmware.push(ONE, bench.new)
    bench.begin()  # the box is started anew; the image is not kept on it
    await bench.firmware.resume()
    assert await bench.step() is Step.FAILED
    assert await bench.pushed(to=TWO, raw=bench.desk.image("1.2.0", 2)) is (
        Step.CONFIRMED
    )


async def test_a_controller_that_was_taken_from_the_config_blocks_no_other(
    bench: Bench,
) -> None:
    await bench.firmware.push(ONE, bench.new)
    bench.begin()
    for known in (bench.firmware.links, bench.firmware.controllers):
        known.pop(ONE)
    assert await bench.pushed(to=TWO) is Step.CONFIRMED


async def test_nobody_is_shut_out_by_a_step_back(bench: Bench) -> None:
    watching, door = bench.world.watching, bench.world.door.id
    link, bench.well = bench.firmware.links[ONE], False
    answers = link.answers

    async def somebody_comes() -> bool:
        watching.somebody(door, there=True)
        return await answers()

    bench.begin(lambda each: Answering(each, somebody_comes))
    assert await bench.pushed() is Step.CONFIRMING
    assert bench.real[ONE].running == bench.hash(bench.new)
    watching.somebody(door, there=False)
    bench.begin()
    await bench.firmware.resume()
    assert await bench.step() is Step.REVERTED


class Answering:
    """A link that answers in its own way when it is asked whether it is there."""

    def __init__(self, link, answers) -> None:
        self.link, self.answers = link, answers

    def __getattr__(self, name: str):
        return getattr(self.link, name)


async def test_a_door_that_is_not_there_is_said_before_anything_is_sent(
    bench: Bench,
) -> None:
    bench.well = UnknownDoor("no such door")
    with pytest.raises(UnknownDoor):
        await bench.firmware.push(ONE, bench.new)
    assert await bench.step() is None


async def test_a_broken_upload_goes_on_where_it_broke(bench: Bench) -> None:
    real, flash = bench.real[ONE], Flash(bench.old)
    real.flash = flash
    link = bench.firmware.links[ONE]
    sent: list[int] = []

    def told(offset: int) -> None:
        sent.append(offset)
        if len(sent) == 2:
            raise TimeoutError  # the cable is pulled

    with pytest.raises(ControllerSilent):
        await link.upload(bench.new, told)
    written = real.written
    assert 0 < written < len(bench.new)
    assert await bench.pushed() is Step.CONFIRMED
    assert real.written == len(bench.new)
