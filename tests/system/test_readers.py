"""OSDP readers on a line: libosdp's own peripheral, in a process of its own."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import osdp_sys
import pytest

from devices.model.errors import LockSilent
from devices.model.locks import Bolt, CommandState
from devices.model.tasks import Incident
from firmware_bridge.drivers.osdp import OUTPUTS
from firmware_bridge.drivers.osdp_feed import LOST_FOR
from firmware_bridge.links import finding
from firmware_bridge.links.finding import found_on
from firmware_bridge.links.rs485 import LineSilent, Rs485Line
from firmware_bridge.links.serial_port import SerialPort
from firmware_bridge.osdp import words
from firmware_bridge.osdp.handshake import Station
from firmware_bridge.osdp.health import Health
from gateway.demo.reader import SimulatedReader, virtual_line
from gateway.demo.wire import whole
from gateway.wiring.stores import Stores
from tests.fakes import FixedClock
from tests.system.lined import (
    OPENS,
    PIN,
    REFUSED,
    WRONG,
    Lined,
    ReaderProgram,
    issued,
    lined,
)
from tests.system.test_broker_link import until


@pytest.fixture
def wiring(
    stores: Stores, clock: FixedClock, tmp_path: Path
) -> tuple[Stores, FixedClock, Path]:
    return stores, clock, tmp_path


def lock(hall: Lined):
    return hall.locks.seen[hall.door.lock]


async def test_a_pin_at_the_reader_opens_and_a_wrong_one_does_not(hall: Lined) -> None:
    await issued(hall)
    hall.reader.type(PIN)
    await until(lambda: OPENS in hall.reader.said)
    await until(lambda: lock(hall).bolt is Bolt.UNLOCKED)
    await until(lambda: {"light green", "shows OPEN"} <= set(hall.reader.said))
    await until(lambda: lock(hall).bolt is Bolt.LOCKED)
    hall.reader.type(WRONG)
    await until(lambda: REFUSED in hall.reader.said)
    assert hall.reader.count(OPENS) == 1
    assert "light red" in hall.reader.said


async def test_a_reader_whose_strike_did_not_move_does_not_say_open(
    hall: Lined, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no outputs, and nobody hung another lock on its door."""
    able = Rs485Line.able

    def without(line: Rs485Line, address: int, capability: int, *more: int) -> bool:
        return capability != OUTPUTS and able(line, address, capability, *more)

    monkeypatch.setattr(Rs485Line, "able", without)
    await issued(hall)
    hall.reader.type(PIN)
    await until(lambda: {"light red", "shows FAULT"} <= set(hall.reader.said))
    assert "shows OPEN" not in hall.reader.said
    assert hall.locks.command(hall.door.lock) is CommandState.FAILED


async def test_whoever_is_looked_at_reads_so_and_hears_no_refusal(
    hall: Lined,
) -> None:
    await issued(hall)
    hall.access.second = SimpleNamespace(claim=lambda _door, _key: True)
    hall.reader.type(PIN)
    await until(lambda: {"light amber", "shows LOOK"} <= set(hall.reader.said))
    assert REFUSED not in hall.reader.said
    assert hall.reader.count(OPENS) == 0


async def test_a_strike_is_tested_without_being_moved(hall: Lined) -> None:
    driver = hall.lines.feed.driver
    assert await driver.obeys(hall.door.lock)
    hall.wire.pull()
    await until(lambda: hall.health() is Health.PORT_MISSING)
    assert not await driver.obeys(hall.door.lock)
    hall.wire.plug()
    assert not hall.reader.count(OPENS)


def without_outputs(heard):
    def hear(address: int, event: words.Event) -> None:
        if not isinstance(event, words.Outputs):
            heard(address, event)

    return hear


def nothing(_raw: bytes) -> bytes:
    return b""


async def test_a_strike_that_nobody_took_never_moves_later(hall: Lined) -> None:
    driver = hall.lines.feed.driver
    hall.wire.to_device = nothing  # the line still counts as good
    for _ in range(2):
        with pytest.raises(LockSilent):
            await driver.release(lock(hall))
    hall.wire.to_device = whole
    await hall.good()
    await until(lambda: lock(hall).bolt is Bolt.LOCKED)
    assert not hall.reader.count(OPENS)


async def test_a_reader_that_was_silent_for_long_is_called_again(hall: Lined) -> None:
    seen = set()
    hall.wire.to_device = nothing
    async with asyncio.timeout(20):
        while Health.SILENT not in seen:
            seen.add(hall.health())
            await asyncio.sleep(0.02)
        silent = (Incident.LOCK_SILENT, hall.door.id)
        [reader] = hall.lines.feed.driver.readers.values()
        await until(lambda: reader.lost_at)
        hall.clock.move(LOST_FOR)
        await until(lambda: hall.watching.known.get(silent))
    await asyncio.sleep(2)  # it was asked to be left in the middle of a call
    hall.wire.to_device = whole
    async with asyncio.timeout(20):
        while hall.health() is not Health.GOOD:
            seen.add(hall.health())
            await asyncio.sleep(0.02)
    assert seen == {Health.GOOD, Health.SILENT}
    await until(lambda: hall.watching.known[silent] is False)


async def test_a_door_that_was_told_silent_by_somebody_else_is_over(
    hall: Lined,
) -> None:
    standing = []
    while not standing:  # that the reader came at all may be told at this moment
        hall.alarms.report(Incident.LOCK_SILENT, hall.door.id)
        while not hall.alarms.facts.empty():
            await hall.alarms.book_next()
        tasks = await hall.stores.tasks.open_of(Incident.LOCK_SILENT, hall.door.id)
        standing = [task for task in tasks if task.gone is None]
    hall.wire.pull()
    await until(lambda: hall.health() is Health.PORT_MISSING)
    hall.wire.plug()
    await hall.good()
    await until(lambda: not hall.alarms.facts.empty())
    while not hall.alarms.facts.empty():
        await hall.alarms.book_next()
    [task] = await hall.stores.tasks.open_of(Incident.LOCK_SILENT, hall.door.id)
    assert task.gone is not None


async def released(hall: Lined) -> None:
    """Release the strike; a reader that a busy machine holds up is told once more."""
    async with asyncio.timeout(30):
        while True:
            with suppress(LockSilent):
                return await hall.lines.feed.driver.release(lock(hall))


@pytest.mark.parametrize("reader", ["tells of its outputs", "says nothing of them"])
async def test_a_strike_on_another_output_is_seen_open_and_shut(
    wiring: tuple[Stores, FixedClock, Path],
    reader: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.system.lined.STRIKE", "PT3S")
    async with lined(*wiring, output=1) as hall:
        if reader == "says nothing of them":
            line = hall.lines.lines["hall"]
            line.heard = without_outputs(line.heard)
        await hall.good()
        assert lock(hall).bolt is Bolt.UNKNOWN  # until it is known to be at rest
        await until(lambda: lock(hall).bolt is Bolt.LOCKED)
        await released(hall)
        await until(lambda: lock(hall).bolt is Bolt.UNLOCKED)
        await asyncio.sleep(1.5)
        await released(hall)  # its three seconds begin anew
        await asyncio.sleep(2)
        assert lock(hall).bolt is Bolt.UNLOCKED
        await until(lambda: lock(hall).bolt is Bolt.LOCKED)
        await released(hall)
        hall.wire.pull()
        await asyncio.sleep(3.5)
        assert lock(hall).bolt is Bolt.UNKNOWN  # nobody has seen it shut
        hall.wire.plug()


async def test_an_installer_finds_a_reader_on_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "ANSWERS_WITHIN", 0.5)  # the reader is a program
    reader = ReaderProgram(7, tmp_path / "reader.key")
    await reader.start()
    asked: list[int] = []
    found = await asyncio.to_thread(found_on, reader.port, asked.append)
    await reader.stop()
    assert found == [(7, 9600)]
    assert asked == [9600]


async def test_a_code_may_be_taken_back_and_half_of_one_is_forgotten(
    hall: Lined,
) -> None:
    await issued(hall)
    hall.reader.type(f"99*{PIN}")
    await until(lambda: hall.reader.count(OPENS) == 1)
    hall.reader.type("47#")
    await until(lambda: REFUSED in hall.reader.said)


async def test_a_card_is_held_once_and_opens_from_then_on(hall: Lined) -> None:
    key = await issued(hall)
    hall.cards.wait_for(hall.door, key)
    hall.reader.type("card")
    await until(lambda: hall.ekeys.cards(key))
    hall.reader.type("card")
    await until(lambda: OPENS in hall.reader.said)


async def test_the_readers_own_troubles_are_told(hall: Lined) -> None:
    await until(lambda: lock(hall).bolt is Bolt.LOCKED)
    hall.reader.type("tamper open")
    told = {(Incident.TAMPER, hall.door.id), (Incident.FORCED_OPEN, hall.door.id)}
    found = set()
    await until(lambda: told <= found or found.update(hall.reported()) is not None)
    hall.reader.type("whole shut")
    known = hall.watching.known
    await until(lambda: not any(known[each] for each in told))


async def test_the_default_key_counts_once_and_never_again(
    hall: Lined, tmp_path: Path
) -> None:
    first = await hall.stores.reader_keys.find(hall.door.lock)
    await until(hall.reader.keep.exists)
    await until(lambda: first.secret.hex() == hall.reader.keep.read_text())
    await hall.restart()
    await hall.good()
    assert hall.reader.count("has a key of its own now") == 1
    hall.wire.pull()
    other = ReaderProgram(0, tmp_path / "other.key")
    await other.start()
    hall.wire.device = other.port
    hall.wire.plug()
    await until(lambda: hall.health() is Health.DEFAULT_KEY)
    foreign = (Incident.READER_FOREIGN, hall.door.id)
    await until(lambda: hall.watching.known.get(foreign))
    assert not other.keep.exists()
    await hall.lines.replace(hall.door.lock)
    await hall.good()
    await until(lambda: hall.watching.known.get(foreign) is False)
    assert other.keep.read_text() != first.secret.hex()
    await other.stop()


async def test_a_reader_with_another_boxs_key_is_told_apart(
    hall: Lined, tmp_path: Path
) -> None:
    hall.wire.pull()
    (tmp_path / "other.key").write_text("ab" * 16)
    other = ReaderProgram(0, tmp_path / "other.key")
    await other.start()
    hall.wire.device = other.port
    hall.wire.plug()
    await until(lambda: hall.health() is Health.WRONG_KEY)
    await issued(hall)
    other.type(PIN)
    await asyncio.sleep(1)
    assert not other.count(OPENS)
    await other.stop()


class Lax(SimulatedReader):
    """A reader with another key, which would also speak in the clear."""

    def _begin(self) -> None:
        flags, osdp_sys.FLAG_ENFORCE_SECURE = osdp_sys.FLAG_ENFORCE_SECURE, 0
        try:
            super()._begin()
        finally:
            osdp_sys.FLAG_ENFORCE_SECURE = flags


@pytest.mark.parametrize("installing", ["new", "known"])
async def test_nothing_that_is_said_in_the_clear_is_believed(installing: str) -> None:
    end, path = virtual_line()
    reader, heard = Lax(end, key=bytes(16)), []
    line = Rs485Line(SerialPort(path, 9600), lambda *said: heard.append(said))

    async def stations() -> list[Station]:
        return [Station(0, b"k" * 16, installing=installing == "new")]

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(reader.run())]
        running.append(tasks.create_task(line.run(stations)))
        for _ in range(6):
            await asyncio.sleep(0.5)
            reader.press(PIN)
        assert line.health(0) is Health.WRONG_KEY
        with pytest.raises(LineSilent):
            line.tell(0, words.strike(0, timedelta(seconds=1)))
        for task in running:
            task.cancel()
    said = [event for _, event in heard if not isinstance(event, words.Secure)]
    assert said == []


async def test_a_plug_pulled_and_put_back_is_taken_up_again(hall: Lined) -> None:
    await issued(hall)
    hall.wire.pull()
    await until(lambda: hall.health() is Health.PORT_MISSING)
    assert lock(hall).reachable is False
    hall.wire.plug()
    await hall.good()
    hall.reader.type(PIN)
    await until(lambda: OPENS in hall.reader.said)


async def test_a_strike_shuts_by_itself_when_the_line_dies(hall: Lined) -> None:
    await issued(hall)
    hall.reader.type(PIN)
    await until(lambda: OPENS in hall.reader.said)
    hall.wire.pull()
    await asyncio.sleep(1.2)
    hall.reader.type("?")
    await until(lambda: "strike shut" in hall.reader.said)
    hall.wire.plug()


async def test_a_strike_wired_to_open_opens_when_nobody_calls(
    stores: Stores, clock: FixedClock, tmp_path: Path
) -> None:
    async with lined(stores, clock, tmp_path, more=("--opens-alone",)) as hall:
        await hall.good()
        hall.reader.type("?")
        await until(lambda: "strike shut" in hall.reader.said)
        hall.wire.pull()
        await asyncio.sleep(8.2)
        async with asyncio.timeout(30):
            while "strike open" not in hall.reader.said:
                hall.reader.type("?")
                await asyncio.sleep(0.3)
        hall.wire.plug()


async def test_a_dead_reader_on_the_line_shuts_out_no_other(
    stores: Stores, clock: FixedClock, tmp_path: Path
) -> None:
    async with lined(stores, clock, tmp_path, addresses=(0, 5)) as hall:
        await hall.good()
        await issued(hall)
        for count in range(1, 4):
            hall.reader.type(PIN)
            await until(lambda count=count: hall.reader.count(OPENS) == count)
        assert hall.health(5) is Health.SILENT


async def test_a_reader_at_another_address_is_found(
    stores: Stores, clock: FixedClock, tmp_path: Path
) -> None:
    async with lined(stores, clock, tmp_path, addresses=(0,)) as hall:
        await hall.good()
        await hall.end()
        hall.readers[0].address = 3  # the box looks for another than is there
        await hall.restart()
        await until(lambda: hall.health(3) is Health.SILENT)
        async with asyncio.timeout(60):  # a look may miss an answer
            while (state := (await hall.lines.states())[0])["others"] != [0]:
                pass
        assert state["state"] == "other_address"
