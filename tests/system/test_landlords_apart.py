"""Several landlords on one box: what was found, houses, the clock, the station."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.adapters.pairing import Pairing
from devices.model.errors import UnknownDoor
from devices.model.keys import KeyKind, Refusal
from devices.model.locks import Lock
from devices.model.places import Landlord, LockId, Taker
from devices.service.ekeys import Order
from gateway.wiring import pairing
from gateway.wiring.pairing import Stations
from ledger.clock import Trust
from tests.system.world import LANDLORD, LOCK, World, drawn

SECOND = LockId("0x2")
MINE, OTHERS = Taker(LANDLORD, alone=False), Taker("b", alone=False)
NEXT = Landlord("b", "房东乙", "13900000000")
PIN, HOUR = "471193", timedelta(hours=1)


async def free(world: World, by: Taker) -> list[LockId]:
    return [each.id for each in await world.building.free_locks(by)]


async def test_what_was_found_is_whose_the_operator_says(world: World) -> None:
    world.locks.discover([LOCK, Lock(SECOND, "back", "YRD", 30)], ["pad", "pad2"])
    assert await free(world, Taker(LANDLORD, alone=True)) == [SECOND]
    assert await free(world, MINE) == await free(world, OTHERS) == []
    await world.building.give(SECOND, "b")
    await world.building.give("pad2", LANDLORD)
    assert await free(world, OTHERS) == [SECOND]
    assert await world.building.free(["pad", "pad2", "x"], MINE) == ["pad2"]
    house = world.door.house
    for keypad, by in (("", MINE), ("pad2", OTHERS)):
        with pytest.raises(UnknownDoor):
            await world.building.hang(house, "back", SECOND, keypad, None, by)
    assert await world.building.hang(house, "back", SECOND, "", None, OTHERS)


async def test_a_house_goes_over_only_to_who_takes_it(world: World) -> None:
    house = await world.stores.houses.house(world.door.house)
    await world.building.offer(house, "beta")
    with pytest.raises(UnknownDoor):
        await world.building.accept(house.id, "gamma", NEXT, ())
    assert await world.stores.houses.of(LANDLORD)
    await world.building.withdraw(house.id)
    with pytest.raises(UnknownDoor):
        await world.building.accept(house.id, "beta", NEXT, ())
    await world.building.offer(house, "beta")
    world.clock.move(timedelta(days=8))
    assert await world.building.offered("beta") == []
    await world.building.offer(house, "beta")
    [offered] = await world.building.offered("beta")
    await world.building.accept(offered.id, "beta", NEXT, ())
    assert not await world.stores.houses.of(LANDLORD)
    assert (await world.stores.houses.house(house.id)).landlord == NEXT
    with pytest.raises(UnknownDoor):  # an offer is taken once
        await world.building.accept(house.id, "beta", NEXT, ())


async def test_one_landlords_word_for_the_clock_counts_for_his_houses(
    world: World,
) -> None:
    world.locks.discover([LOCK, Lock(SECOND, "other", "YRD", 30)])
    place = ("示范路9号", "330522")
    house = await world.building.register(NEXT, "o", place, ["1", "2"])
    other = await world.building.hang(house.id, "front", SECOND)
    now = world.clock.now()
    for door, by in ((world.door, LANDLORD), (other, "b")):
        with drawn(PIN):
            order = Order(KeyKind.VISIT, "v", (now - HOUR, now + 48 * HOUR))
            await world.ekeys.issue(order, [door], by)
    world.clock.trust = Trust.UNSURE
    world.access.vouch([world.door.house])
    assert await world.access.present(world.door, PIN)
    doubted = await world.access.present(other, PIN)
    assert doubted.refusal is Refusal.CLOCK_UNSURE
    world.clock.move(timedelta(days=1))  # his word is a day old by now
    doubted = await world.access.present(world.door, PIN)
    assert doubted.refusal is Refusal.CLOCK_UNSURE
    world.clock.move(timedelta(days=-9))  # and the clock has leapt again
    doubted = await world.access.present(world.door, PIN)
    assert doubted.refusal is Refusal.CLOCK_UNSURE


class Registry:
    key, pairing = None, None


@pytest.fixture
def stations(world: World, tmp_path, monkeypatch) -> Stations:
    async def joined(url: str, code: str, *_: object) -> Pairing:
        made = Ed25519PrivateKey.from_private_bytes(code.encode() * 32)
        sealing = X25519PrivateKey.from_private_bytes(b"x" * 32)
        return Pairing(url, made.public_key(), sealing.public_key())

    monkeypatch.setattr(pairing, "pair", joined)
    path, book = tmp_path / "station.json", world.stores.book
    return Stations(Registry(), "box", path, book, b"s" * 32, lambda: None)


async def test_another_station_waits_for_a_landlords_yes(stations: Stations) -> None:
    first = await stations.pair("http://a", "1")
    assert not first.waits
    again = await stations.pair("http://moved", "1")  # the same station, elsewhere
    assert not again.waits
    other = await stations.pair("http://b", "2")
    assert other.waits
    assert stations.registry.pairing.fingerprint == first.fingerprint
    assert Pairing.read(stations.path).fingerprint == first.fingerprint
    await stations.answer(other.fingerprint, "landlord", good=False)
    assert stations.waiting is None
    other = await stations.pair("http://b", "2")
    third = await stations.pair("http://c", "3")
    await stations.answer(other.fingerprint, "landlord", good=True)  # not what he saw
    assert stations.registry.pairing.fingerprint == first.fingerprint
    third = await stations.pair("http://c", "3")
    await stations.answer(third.fingerprint, "landlord", good=True)
    assert Pairing.read(stations.path).fingerprint == third.fingerprint
