"""A home is its resident's: whatever its door was called, and whoever opens it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import null, select

from devices.adapters import houses, rows
from devices.model.errors import NoFreeSlot, NotYours, TooManyGuests
from devices.model.keys import KeyKind, Refusal
from devices.model.locks import Lock
from devices.model.places import Landlord, LockId
from devices.service.asking import Emergency
from devices.service.ekeys import GUESTS, Order
from gateway.web.own import openings
from tests.system.world import LANDLORD, LOCK, World

HOUR = timedelta(hours=1)
FLAT = Lock(LockId("0x9"), "flat", "YRD", 30)


@pytest.fixture
async def flat(world: World) -> World:
    """A house of one room, whose only lock was hung as an entrance that all share."""
    who = Landlord(LANDLORD, "房东甲", "13800000000")
    house = await world.building.register(who, "f", ("示范路2号", "330522"), ["one"])
    world.locks.discover([LOCK, FLAT])
    world.door = await world.building.hang(house.id, "front", FLAT.id, "pad9")
    world.rooms = list(await world.stores.houses.rooms(house.id))
    world.door = await world.stores.houses.door(world.door.id)
    return world


async def test_the_only_door_of_a_let_flat_does_not_open_unasked(
    flat: World, window
) -> None:
    assert await flat.asking.open_for(flat.door, LANDLORD)  # nobody lives there yet
    lease = await flat.registered(window)
    verdict = await flat.asking.open_for(flat.door, LANDLORD)
    assert verdict.refusal is Refusal.ASKED
    [asked] = await flat.asking.of(lease.tenant)
    assert asked.about == flat.door.id
    order = Order(KeyKind.VISIT, "v", (flat.clock.now(), flat.clock.now() + HOUR))
    with pytest.raises(NotYours):
        await flat.ekeys.issue(order, [flat.door], LANDLORD)


async def test_broken_variant_that_believes_what_a_door_was_called_opens_a_home(
    flat: World, window, monkeypatch
) -> None:
    """What the test above is for: promise 7, by the name alone."""
    monkeypatch.setattr(houses, "DOORS", select(rows.door, null().label("only_room")))
    lease = await flat.registered(window)
    called = await flat.stores.houses.door(flat.door.id)
    assert called.room is None
    assert await flat.asking.open_for(called, LANDLORD)
    assert not await flat.asking.of(lease.tenant)


async def test_the_street_door_of_two_rooms_is_nobodys_alone(
    world: World, window
) -> None:
    await world.registered(window)
    assert await world.asking.open_for(world.door, LANDLORD)


async def told(world: World, lease) -> list[str]:
    found = await openings(world.stores.keys, world.stores.journal, lease)
    return [f"{each.kind}/{each.detail}" for each in found]


async def test_residents_see_who_else_opened_a_door_of_theirs(
    world: World, window
) -> None:
    lease = await world.registered(window)
    other = await world.registered(window, room=1)
    await world.asking.open_for(world.door, LANDLORD)
    emergency = Emergency("a fireman", "smoke", "a neighbour")
    await world.asking.open_in_emergency(world.door, emergency)
    for each in (lease, other):
        assert await told(world, each) == ["emergency/granted", "landlord/granted"]
    await world.access.present(world.door, await world.pin(lease))
    assert (await told(world, lease))[0] == "unlock/granted"
    assert len(await told(world, other)) == 2  # a neighbour's openings stay his


async def test_who_moves_in_later_sees_nothing_of_before(world: World, window) -> None:
    await world.asking.open_for(world.door, LANDLORD)
    world.clock.move(timedelta(days=1))
    later = (world.clock.now(), window[1])
    assert await told(world, await world.registered(later)) == []


async def guest(world: World, lease) -> None:
    now = world.clock.now()
    order = Order(KeyKind.GUEST, "g", (now, now + HOUR))
    mine = world.stores.keys.key(lease.key)
    await world.ekeys.issue(order, [world.door], mine)


async def test_one_tenants_guests_keep_nobody_from_moving_in(
    world: World, window
) -> None:
    world.locks.discover([replace(LOCK, slots=12)])
    lease = await world.registered(window)
    for _ in range(GUESTS):
        await guest(world, lease)
    with pytest.raises(TooManyGuests):
        await guest(world, lease)
    now = world.clock.now()
    visit = Order(KeyKind.VISIT, "v", (now, now + HOUR))
    for _ in range(2):  # nine of its slots but three, with the tenant's and his guests'
        await world.ekeys.issue(visit, [world.door], LANDLORD)
    with pytest.raises(NoFreeSlot):
        await world.ekeys.issue(visit, [world.door], LANDLORD)
    assert await world.registered(window, room=1)
