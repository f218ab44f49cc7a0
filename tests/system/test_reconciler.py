"""Locks come to hold what they ought to, whatever fails, on a real ledger."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from devices.model.errors import LockSilent, NotSo
from devices.model.keys import CredentialState, KeyKind
from devices.model.locks import Lock, ReadBack
from devices.model.places import LockId
from devices.model.tasks import Incident, TaskKind
from devices.rules.pins import wish
from devices.service.ekeys import Order
from gateway.wiring.services import Outside, connect
from gateway.wiring.stores import Stores
from ledger.book import Book
from tests.system.world import BOX, LANDLORD, LOCK, World, drawn

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HOURS = (0.1, 0.3, 1, 3)


class Cut(BaseException):
    """The power fails at this instant."""


@dataclass
class Bench:
    """Locks that hold PINs, and are silent, forgetful or liars when told to be."""

    held: dict[LockId, dict[int, str]] = field(default_factory=dict)
    answers: list = field(default_factory=list)
    writes: int = 0
    silent: set = field(default_factory=set)
    liars: set = field(default_factory=set)
    hanging: set = field(default_factory=set)
    deaf: set = field(default_factory=set)
    cut_after: int = -1

    async def _take(self, lock: Lock) -> None:
        self.step()
        if lock.id in self.hanging:
            await asyncio.Event().wait()
        if lock.id in self.silent:
            raise LockSilent("gone")

    def step(self) -> None:
        if self.cut_after == 0:
            raise Cut
        self.cut_after -= 1

    async def release(self, lock: Lock) -> None:
        await self._take(lock)

    async def write_pin(self, lock: Lock, slot: int, pin: str) -> None:
        await self._take(lock)
        self.writes += 1
        if lock.id not in self.liars:
            self.held.setdefault(lock.id, {})[slot] = pin
        self.step()

    async def clear_pin(self, lock: Lock, slot: int) -> None:
        await self._take(lock)
        if lock.id not in self.liars:
            self.held.setdefault(lock.id, {}).pop(slot, None)
        self.step()

    async def ask_slot(self, lock: Lock, slot: int) -> None:
        await self._take(lock)
        if slot not in self.deaf:
            held = slot in self.held.get(lock.id, {})
            self.answers.append((lock.id, slot, held))

    async def ask_state(self, lock: Lock) -> None:
        await self._take(lock)


def restarted(world: World, bench: Bench, book: Book | None = None) -> World:
    """Start the services anew on the same ledger, with these locks."""
    stores = world.stores
    if book is not None:
        stores = Stores(book, world.stores.master, world.clock)
    outside = Outside(bench, world.faces, world.reader, world.registry)
    services = connect(stores, outside, BOX)
    services.locks.discover(list(world.locks.seen.values()), ["pad"])
    return replace(world, stores=stores, services=services, driver=bench)


async def rounds(world: World, bench: Bench, count: int = 1) -> None:
    """Let settle and the locks' answers take turns, a minute each."""
    for _ in range(count):
        await world.credentials.settle()
        for lock, slot, held in bench.answers:
            await world.credentials.hear(lock, slot, held=held)
        bench.answers.clear()
        world.clock.move(MINUTE)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


@pytest.fixture
async def house(world: World, bench: Bench) -> World:
    world.locks.discover([LOCK, Lock(LockId("0x2"), "back", "YRD", 30)])
    found = restarted(world, bench)
    await found.stores.keys.refresh()
    await found.building.hang(world.door.house, "back", LockId("0x2"))
    return found


async def give(world: World, door=None, hours: int = 1, pin: str | None = None):
    now = world.clock.now()
    order = Order(KeyKind.VISIT, "v", (now, now + hours * HOUR))
    with drawn(pin):
        return await world.ekeys.issue(order, [door or world.door], LANDLORD)


async def back(world: World):
    doors = await world.stores.houses.doors(world.door.house)
    return next(door for door in doors if door.name == "back")


async def wanted(world: World) -> dict[LockId, set[str]]:
    """Say which PINs ought to stand at which lock."""
    found: dict[LockId, set[str]] = {}
    for given, key in world.stores.keys.credentials():
        if wish(key, world.clock.now()).value == "held":
            pin = await world.stores.keys.reveal(given, key.holder)
            found.setdefault(given.lock, set()).add(pin)
    return found


async def converged(world: World, bench: Bench) -> bool:
    ought = await wanted(world)
    locks = {*ought, *bench.held}
    return all(
        set(bench.held.get(lock, {}).values()) == ought.get(lock, set())
        for lock in locks
    )


async def change(world: World, keys: list, chance: random.Random) -> None:
    """End, freeze, thaw or prolong a key, or give another."""
    doors = [world.door, await back(world)]
    what = chance.choice(["give", "give", "end", "freeze", *3 * ["prolong"]])
    if what == "give" or not keys:
        keys.append(await give(world, chance.choice(doors), chance.choice(HOURS)))
        return
    known = [world.stores.keys.key(each.id) for each in keys]
    past = [each for each in known if each.ends <= world.clock.now()]
    key = chance.choice(past if what == "prolong" and past else known)
    stop = {"active": world.ekeys.freeze, "frozen": world.ekeys.thaw}
    with suppress(NotSo):
        if what == "end":
            await world.ekeys.end(key, LANDLORD)
        elif what == "prolong":
            ends = max(key.ends, world.clock.now()) + chance.randint(6, 9) * HOUR
            async with world.stores.book.page() as page:
                world.ekeys.prolong(page, [key], doors, ends)
            await world.stores.keys.refresh()
        else:
            await stop.get(key.state.value, world.ekeys.freeze)(key, LANDLORD)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_the_locks_come_to_hold_what_they_ought(
    house: World, bench: Bench, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the test's own choices
    world, keys = house, []
    for _ in range(25):
        match chance.choice(["change", "fail", "mend", "go", "restart"]):
            case "change":
                await change(world, keys, chance)
            case "fail":
                lock = chance.choice([LOCK.id, LockId("0x2")])
                chance.choice([bench.silent, bench.liars]).add(lock)
            case "mend":
                bench.silent.clear()
                bench.liars.clear()
            case "restart":
                world = restarted(world, bench)
            case _:
                await rounds(world, bench, chance.randint(1, 20))
    bench.silent.clear()
    bench.liars.clear()
    await rounds(world, bench, 60)
    for _ in range(5):
        await rounds(world, bench)
        world.clock.move(-MINUTE)
    assert await converged(world, bench)


async def cut(world: World, bench: Bench, key, after: int) -> bool:
    """Change a PIN and cut the power after so many steps; say whether it was cut."""
    pins = {"471193", "004786"} - {await world.ekeys.pin(key)}
    bench.cut_after = after
    try:
        world.stores.attempts._tries.clear()  # more often than a person may
        with drawn(pins.pop()):
            await world.ekeys.draw_pin(world.stores.keys.key(key.id))
        await rounds(world, bench, 3)
    except (Cut, BaseExceptionGroup):
        return True
    finally:
        bench.cut_after = -1
        bench.answers.clear()
    return False


async def test_a_power_cut_at_any_step_of_a_pin_change_ends_converged(
    house: World, bench: Bench, monkeypatch
) -> None:
    submit = house.stores.book.submit

    def counted(page):
        bench.step()
        kept = submit(page)
        bench.step()
        return kept

    monkeypatch.setattr(house.stores.book, "submit", counted)
    key = await give(house, hours=24, pin="471193")
    await rounds(house, bench, 3)
    cuts, world = 0, house
    while await cut(world, bench, key, cuts):
        cuts += 1
        world = restarted(house, bench)
        await world.stores.keys.refresh()
        await rounds(world, bench, 15)
        assert set(bench.held[LOCK.id].values()) == {await world.ekeys.pin(key)}
        assert world.ekeys.given(key)[0].state is CredentialState.CONFIRMED
    assert 5 < cuts < 40


async def test_a_pin_that_the_lock_has_is_not_sent_again_after_a_restart(
    house: World, bench: Bench
) -> None:
    for door in (house.door, await back(house)):
        for _ in range(5):
            await give(house, door, hours=24)
    await rounds(house, bench, 8)
    assert (await converged(house, bench), bench.writes) == (True, 10)
    await rounds(restarted(house, bench), bench, 10)
    assert bench.writes == 10


async def test_a_dead_lock_slows_no_other(house: World, bench: Bench) -> None:
    bench.silent.add(LOCK.id)
    dead, alive = await give(house), await give(house, await back(house))
    await rounds(house, bench, 2)
    assert house.ekeys.given(alive)[0].state is CredentialState.CONFIRMED
    assert house.ekeys.given(dead)[0].state is CredentialState.WRITING
    assert (Incident.LOCK_SILENT, LOCK.id) in house.reported()


async def test_a_lock_that_never_returns_holds_nobody_up(
    house: World, bench: Bench, monkeypatch
) -> None:
    monkeypatch.setattr("devices.service.credentials.ANSWER_WITHIN", 1.0)
    bench.hanging.add(LOCK.id)
    await give(house)
    alive = await give(house, await back(house))
    await rounds(house, bench, 2)
    assert house.ekeys.given(alive)[0].state is CredentialState.CONFIRMED


async def test_a_dead_lock_is_left_alone_ever_longer(
    house: World, bench: Bench
) -> None:
    bench.silent.add(LOCK.id)
    await give(house, hours=48)
    tried = 0
    for _ in range(60):
        before = house.credentials.breakers.get(LOCK.id)
        failures = before.failures if before else 0
        await rounds(house, bench)
        after = house.credentials.breakers[LOCK.id].failures
        tried += after > failures
    assert tried <= 12
    bench.silent.clear()
    house.credentials.answered(LOCK.id)
    await rounds(house, bench, 12)
    assert await converged(house, bench)


async def test_a_slot_that_stays_silent_holds_up_no_other_slot(
    house: World, bench: Bench
) -> None:
    bench.deaf.add(1)
    stuck = await give(house, hours=24)
    await rounds(house, bench, 2)
    other = await give(house, hours=24)
    await rounds(house, bench, 2)
    assert house.ekeys.given(other)[0].state is CredentialState.CONFIRMED
    assert house.ekeys.given(stuck)[0].state is CredentialState.WRITING


async def test_a_lock_that_says_done_and_did_not_is_not_believed(
    house: World, bench: Bench
) -> None:
    bench.liars.add(LOCK.id)
    key = await give(house, hours=24)
    await rounds(house, bench, 4)
    assert house.ekeys.given(key)[0].state is CredentialState.WRITING


async def test_a_lock_that_cannot_be_asked_is_said_to_be_unconfirmed(
    house: World, bench: Bench
) -> None:
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    key = await give(house)
    await rounds(house, bench, 2)
    assert house.ekeys.given(key)[0].state is CredentialState.UNCONFIRMED
    await rounds(house, bench, 70)
    assert house.ekeys.given(key)[0].state is CredentialState.CLEARING
    [task] = await house.stores.tasks.of(LANDLORD)
    assert (task.kind, task.about) == (TaskKind.CLEAR_AT_KEYPAD, key.id)
    await house.credentials.attest(house.stores.keys.key(key.id))
    assert house.ekeys.given(key)[0].state is CredentialState.CLEARED
    assert not await house.stores.tasks.of(LANDLORD)


async def test_a_lock_that_only_says_that_it_stored_is_taken_at_its_word(
    house: World,
) -> None:
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    key = await give(house)
    await house.credentials.settle()
    await house.credentials.stored(LOCK.id, cleared=False)
    assert house.ekeys.given(key)[0].state is CredentialState.CONFIRMED


async def test_a_lock_that_cannot_be_asked_is_not_told_again_and_again(
    house: World, bench: Bench
) -> None:
    """A changed PIN goes over the old one; a slot that a person emptied is empty."""
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    key = await give(house, hours=24)
    await house.credentials.settle()
    await house.credentials.stored(LOCK.id, cleared=False)
    await house.ekeys.draw_pin(house.stores.keys.key(key.id))
    await rounds(house, bench, 8)
    assert bench.writes == 2
    assert not await house.stores.tasks.of(LANDLORD)
    await house.ekeys.end(house.stores.keys.key(key.id), LANDLORD)
    await rounds(house, bench, 2)
    await house.credentials.attest(house.stores.keys.key(key.id))
    other = await give(house, hours=24)
    await rounds(house, bench, 6)
    assert house.ekeys.given(other)[0].state is CredentialState.UNCONFIRMED
    assert bench.writes == 3


async def test_a_word_after_two_commands_is_neithers(
    house: World, bench: Bench
) -> None:
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    keys = [await give(house, hours=24), await give(house, hours=24)]
    await rounds(house, bench, 3)
    await house.credentials.stored(LOCK.id, cleared=False)
    states = {house.ekeys.given(key)[0].state for key in keys}
    assert states == {CredentialState.UNCONFIRMED}


async def test_one_key_that_ended_holds_up_no_other_at_a_lock_that_says_nothing(
    house: World, bench: Bench
) -> None:
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    await house.ekeys.end(await give(house, hours=24), LANDLORD)
    await rounds(house, bench, 2)
    gone = await give(house, hours=24)
    await rounds(house, bench, 2)
    await house.ekeys.end(house.stores.keys.key(gone.id), LANDLORD)
    await rounds(house, bench, 2)
    other = await give(house, hours=24)
    await rounds(house, bench, 3)
    assert house.ekeys.given(other)[0].state is CredentialState.UNCONFIRMED


async def test_a_manual_change_at_the_lock_is_mended(
    house: World, bench: Bench
) -> None:
    key = await give(house, hours=24)
    await rounds(house, bench, 2)
    bench.held[LOCK.id].clear()
    await house.credentials.ask(LOCK.id, house.ekeys.given(key)[0].slot)
    await rounds(house, bench, 5)
    assert await converged(house, bench)


async def test_broken_variant_that_believes_what_it_sent_is_caught(
    house: World, bench: Bench
) -> None:
    bench.liars.add(LOCK.id)
    house.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)])
    await give(house, hours=24)
    await rounds(house, bench, 30)
    bench.liars.clear()
    house.locks.discover([replace(LOCK, read_back=ReadBack.STATUS)])
    await rounds(house, bench, 30)
    assert not await converged(house, bench)


async def test_pins_never_show_in_the_log(house: World, bench: Bench, caplog) -> None:
    caplog.set_level("DEBUG")
    bench.silent.add(LOCK.id)
    await give(house, pin="471193")
    await rounds(house, bench, 5)
    assert "471193" not in caplog.text
