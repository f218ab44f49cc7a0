"""An ID-card reader on a line: found, selected, read, or said why not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from enrolment.model.documents import CardStep, DocumentKind
from enrolment.model.errors import CardFailed, OutOfTurn, ReaderBusy
from enrolment.model.leases import FacePath, Stage
from enrolment.service.cards import TURN, CardReadings
from firmware_bridge.drivers import idcard as driver
from firmware_bridge.drivers.idcard import IdCardReader
from firmware_bridge.idcard import frames
from firmware_bridge.links.serial_port import SerialPort
from gateway.demo.card_reader import Mood, SimulatedCardReader, resident
from tests.system.test_broker_link import until
from tests.system.world import PERSON, World

TEXT = resident(PERSON.name, PERSON.number)


@asynccontextmanager
async def reader(**more) -> AsyncIterator[tuple[SimulatedCardReader, IdCardReader]]:
    simulated = SimulatedCardReader(**{"text": TEXT, "there": False, **more})
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(simulated.run())
        yield simulated, IdCardReader(SerialPort(simulated.path, 115200))
        running.cancel()


async def read(simulated: SimulatedCardReader, real: IdCardReader):
    """Read a card that is put on once the reader waits for it."""
    steps = []

    def told(step: CardStep) -> None:
        steps.append(step)
        if step is CardStep.PUT_ON:
            simulated.there = True
        if step is CardStep.TAKE_OFF:
            simulated.there = False

    return await real.read(told), steps


@pytest.mark.parametrize("mood", [Mood.GOOD, Mood.SLOW, Mood.NOISY])
async def test_a_card_is_read_with_progress(mood: Mood) -> None:
    async with reader(mood=mood) as (simulated, real):
        found, steps = await read(simulated, real)
    assert (found.person.kind, found.person.number) == (
        DocumentKind.RESIDENT_CARD,
        PERSON.number,
    )
    assert found.person.name == PERSON.name
    assert steps == [CardStep.PUT_ON, CardStep.READING]


async def test_a_card_that_lies_there_is_nobodys_until_it_is_taken_off() -> None:
    async with reader(there=True) as (simulated, real):
        _, steps = await read(simulated, real)
        assert steps[:2] == [CardStep.TAKE_OFF, CardStep.PUT_ON]
        _, steps = await read(simulated, real)  # it was read, and still lies there
    assert steps[:2] == [CardStep.TAKE_OFF, CardStep.PUT_ON]


async def test_a_card_that_is_missed_once_is_still_there() -> None:
    async with reader(there=True) as (simulated, real):
        simulated.misses = 1
        _, steps = await read(simulated, real)
    assert steps[:2] == [CardStep.TAKE_OFF, CardStep.PUT_ON]


@pytest.mark.parametrize("mood", [Mood.BROKEN_CHECK, Mood.WRONG_LENGTH])
async def test_a_spoilt_answer_is_asked_again_three_times_at_most(
    mood: Mood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "ANSWERS_WITHIN", 1.0)
    async with reader(mood=mood, fails=2) as (simulated, real):
        found, _ = await read(simulated, real)
        assert found.person.number == PERSON.number
        simulated.fails, simulated.there = 100, False
        with pytest.raises(CardFailed) as failed:
            await read(simulated, real)
    assert failed.value.step is CardStep.UNREADABLE


@pytest.mark.parametrize(
    ("more", "step"),
    [
        ({"mood": Mood.REMOVED_TOO_SOON}, CardStep.REMOVED),
        ({"mood": Mood.SILENT}, CardStep.UNREADABLE),
        ({"text": TEXT[:248] + b"Q\0" + TEXT[250:]}, CardStep.UNKNOWN_KIND),
    ],
)
async def test_a_card_that_is_not_read_says_why(
    more: dict, step: CardStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "ANSWERS_WITHIN", 1.0)
    async with reader(**more) as (simulated, real):
        with pytest.raises(CardFailed) as failed:
            await read(simulated, real)
    assert failed.value.step is step


async def test_a_reader_that_is_not_there_says_so(tmp_path) -> None:
    with pytest.raises(CardFailed) as failed:
        await IdCardReader(SerialPort(str(tmp_path / "none"), 115200)).read(print)
    assert failed.value.step is CardStep.READER_GONE


async def test_a_fingerprint_is_never_asked_for() -> None:
    async with reader() as (simulated, real):
        await read(simulated, real)
    asked = set(simulated.asked)
    assert asked == {frames.FIND, frames.SELECT, frames.READ}
    assert frames.Request(0x30, 0x10) not in asked


@asynccontextmanager
async def readings(world: World, **more):
    async with reader(**more) as (simulated, real):
        found = CardReadings(real, world.clock)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(found.run())
            yield simulated, found
            running.cancel()


async def noticed(world: World, window, room: int = 0):
    lease = await world.enrolment.read_notice(await world.bound(window, room), "n")
    return await world.enrolment.choose(lease, FacePath.PERSON, "n")


async def test_one_card_is_one_claim(world: World, window) -> None:
    lease, other = await noticed(world, window), await noticed(world, window, 1)
    async with readings(world) as (simulated, found):
        found.ask(lease)
        with pytest.raises(ReaderBusy):
            found.ask(other)
        await until(lambda: found.of(lease).step is CardStep.PUT_ON)
        simulated.there = True
        await until(lambda: found.of(lease).step is CardStep.READ)
        assert found.of(other) is None
        person = found.take(lease)
        lease, finding = await world.enrolment.identify(lease, person)
        assert finding
        assert lease.stage is Stage.IDENTIFIED
        with pytest.raises(OutOfTurn):
            found.take(lease)
        found.ask(other)
        await until(lambda: found.of(other).step is CardStep.TAKE_OFF)
    assert PERSON.number not in repr(found.turn)


async def test_a_second_tap_changes_nothing(world: World, window) -> None:
    lease = await noticed(world, window)
    async with readings(world) as (simulated, found):
        found.ask(lease)
        turn = found.of(lease)
        found.ask(lease)
        assert found.of(lease) is turn
        await until(lambda: found.of(lease).step is CardStep.PUT_ON)
        simulated.there = True
        await until(lambda: found.of(lease).step is CardStep.READ)


async def test_a_turn_ends_and_what_was_read_is_gone(world: World, window) -> None:
    lease, other = await noticed(world, window), await noticed(world, window, 1)
    async with readings(world) as (simulated, found):
        found.ask(lease)
        await until(lambda: found.of(lease).step is CardStep.PUT_ON)
        simulated.there = True
        await until(lambda: found.of(lease).step is CardStep.READ)
        world.clock.move(TURN)
        assert found.of(lease) is None
        found.ask(other)
    assert found.turn.person is None


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (resident(PERSON.name, PERSON.number, "20261121"), CardStep.EXPIRED),
        (resident(PERSON.name, "330522199003150017"), CardStep.BAD_NUMBER),
        (resident("甲", PERSON.number), CardStep.BAD_NUMBER),
    ],
)
async def test_a_card_that_cannot_be_taken_says_why(
    world: World, window, text: bytes, step: CardStep
) -> None:
    lease = await noticed(world, window)
    async with readings(world, text=text) as (simulated, found):
        found.ask(lease)
        await until(lambda: found.of(lease).step is CardStep.PUT_ON)
        simulated.there = True
        await until(lambda: found.of(lease).step is step)
        with pytest.raises(OutOfTurn):
            found.take(lease)


async def test_a_card_is_good_through_its_last_day_in_shanghai(
    world: World, window
) -> None:
    lease = await noticed(world, window)
    world.clock.move(timedelta(hours=13))  # 17:00 UTC: already the 23rd there
    async with readings(world, text=resident("租客甲", PERSON.number, "20261122")) as (
        simulated,
        found,
    ):
        found.ask(lease)
        await until(lambda: found.of(lease).step is CardStep.PUT_ON)
        simulated.there = True
        await until(lambda: found.of(lease).step is CardStep.EXPIRED)


async def test_nothing_is_read_before_the_notice(world: World, window) -> None:
    lease = await world.bound(window)
    with pytest.raises(OutOfTurn):
        CardReadings(None, world.clock).ask(lease)
