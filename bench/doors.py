"""Many doors and keys: the rule, tokens, the door's path, the reconciler, chatter."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from biscuit_auth import Algorithm, AuthorizerBuilder, Biscuit, PublicKey

from bench import door as one_door
from bench.broker import box_on
from bench.figure import Figure, quantile
from bench.telemetry import bare_rate, sender
from devices.adapters.tokens import OPENING, BiscuitTokens
from devices.model.keys import (
    Credential,
    CredentialState,
    EKey,
    EKeyId,
    KeyState,
    Unlock,
)
from devices.model.locks import Lock
from devices.model.places import Door, DoorId, HouseId, Landlord, LockId
from devices.rules.keys import judge
from gateway.demo.programs import BrokerProgram, free_port
from gateway.wiring.box import Gateway
from ledger.ids import TenantId
from ledger.keys import MasterKey

DOORS, KEYS_EACH = 200, 10
LOCKS, PINS_EACH = 50, 30
ROUNDS = 20_000
TOKENS = 2_000
TURNS = 2
CHATTER = 10_000
NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def measure(folder: Path) -> list[Figure]:
    """Return the figures of the issue on doors."""
    broker = BrokerProgram(folder / "broker", free_port(), keeps=False)
    await broker.start()
    try:
        return [
            _judging(),
            _tokens(),
            await _path(broker, folder),
            *await _reconciling(broker, folder),
            await _chatter(broker, folder),
        ]
    finally:
        await broker.stop()


def _key(number: int, doors: list[DoorId], holder: str = "t") -> EKey:
    window = (NOW - timedelta(days=3000), NOW + timedelta(days=3000))
    return EKey(
        EKeyId(f"key-{number}"),
        frozenset(doors),
        TenantId(holder),
        *window,
        KeyState.ACTIVE,
        issuer="account",
        since=NOW,
    )


def _judging() -> Figure:
    key = _key(1, [DoorId("d")])
    request = Unlock(DoorId("d"), b"", NOW)
    started = time.perf_counter()
    for _ in range(ROUNDS):
        judge(request, key)
    each = (time.perf_counter() - started) / ROUNDS
    return Figure("`judge`", each * 1e6, "µs", 20)


def _tokens() -> Figure:
    tokens, house, at = BiscuitTokens(MasterKey(b"m" * 32)), HouseId("h"), DoorId("d")
    token = tokens.cut(_key(1, [at]), house, b"h" * 32)
    known = PublicKey.from_bytes(tokens.root(house), Algorithm.Ed25519)

    def bare() -> None:
        opening = AuthorizerBuilder(OPENING, {"time": NOW, "door": at})
        opening.build(Biscuit.from_bytes(token, known)).authorize()

    def ours() -> None:
        tokens.read(token, house, at, NOW)

    spent = []
    for act in (bare, ours):
        started = time.perf_counter()
        for _ in range(TOKENS):
            act()
        spent.append((time.perf_counter() - started) / TOKENS)
    what = f"token read: {spent[1] * 1e6:.0f} µs, bare {spent[0] * 1e6:.0f} µs"
    return Figure(what, spent[1] / spent[0], "×", 2)


async def _fill(gateway: Gateway, locks: int, pins: int) -> list[Door]:
    """Give a house so many doors, each with so many confirmed PINs."""
    stores, building = gateway.stores, gateway.services.building
    found = [Lock(LockId(f"0xf{n:04}"), f"lock_{n}", "YRD", 250) for n in range(locks)]
    gateway.services.locks.discover(found)
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "many", ("示范路1号", "330522"), ["1"])
    holder, _ = await stores.keys.begin("many")
    doors = [
        Door(DoorId(f"door-{n}"), house.id, f"door {n}", lock.id)
        for n, lock in enumerate(found)
    ]
    for number, door in enumerate(doors):
        async with stores.book.page() as page:
            stores.houses.hang(page, door)
            for slot in range(1, pins + 1):
                key = _key(number * pins + slot, [door.id], holder)
                stores.keys.add(page, key)
                stores.keys.give(
                    page,
                    Credential(
                        key.id,
                        door.lock,
                        slot,
                        os.urandom(32),
                        b"sealed",
                        CredentialState.CONFIRMED,
                    ),
                )
    await stores.keys.refresh()
    await building.changed()
    return doors


async def _path(broker: BrokerProgram, folder: Path) -> Figure:
    spent: dict[int, list[float]] = {0: [], DOORS: []}
    # Taking turns, the best round of each: a p99 feels whatever else the machine does.
    for number in range(2 * TURNS):
        doors = (0, DOORS)[number % 2]
        async with box_on(broker, folder / str(number)) as gateway:
            pin = await one_door.keyed(gateway)
            await _fill(gateway, doors, KEYS_EACH)
            spent[doors].append(quantile(await one_door.timed(broker, pin), 0.99))
    one, many = min(spent[0]), min(spent[DOORS])
    what = (
        f"door p99 with {DOORS} doors, {DOORS * KEYS_EACH} keys: "
        f"{many * 1000:.2f} ms, with one {one * 1000:.2f} ms"
    )
    return Figure(what, many / one, "×", 1.5)


async def _reconciling(broker: BrokerProgram, folder: Path) -> list[Figure]:
    async with box_on(broker, folder / "settle") as gateway:
        await _fill(gateway, LOCKS, PINS_EACH)
    async with box_on(broker, folder / "settle", again=True) as gateway:
        gateway.services.credentials.driver = told = _Counting()
        started = time.perf_counter()
        for _ in range(10):
            await gateway.services.credentials.settle()
        spent = (time.perf_counter() - started) / 10
    what = f"needless writes after a restart, {LOCKS} locks × {PINS_EACH} PINs"
    return [
        Figure(what, told.count, "writes", 0),
        Figure("one look at all of them", spent * 1000, "ms", 100),
    ]


async def _chatter(broker: BrokerProgram, folder: Path) -> Figure:
    names = [f"lock_{n}" for n in range(DOORS)]
    said = '{"action":"unlock","action_user":1,"action_source_name":"keypad"}'
    bare = await bare_rate(broker, CHATTER, names, said)
    async with box_on(broker, folder / "chatter") as gateway:
        await _fill(gateway, DOORS, 2)
        judged, started, done = 0, 0.0, asyncio.Event()
        witness = gateway.stores.journal.witness

        def counted(opening, key, door):
            nonlocal judged, started
            # From the first message on, as the bare client is measured.
            started = started or time.perf_counter()
            judged += 1
            if judged == CHATTER:
                done.set()
            return witness(opening, key, door)

        object.__setattr__(gateway.services.access, "journal", _Journal(counted))
        sending = await sender(broker, CHATTER, names, said)
        await done.wait()
        rate = CHATTER / (time.perf_counter() - started)
        await sending.wait()
    what = f"openings of {DOORS} locks: {rate:.0f} of bare {bare:.0f} messages/s"
    return Figure(what, 100 * rate / bare, "%", 50, at_least=True)


class _Counting:
    """A driver that counts what it is told."""

    def __init__(self) -> None:
        self.count = 0

    async def _take(self, *_told) -> None:
        self.count += 1

    write_pin = clear_pin = ask_slot = _take


class _Journal:
    """The journal, with its openings counted."""

    def __init__(self, witness) -> None:
        self.witness = witness
