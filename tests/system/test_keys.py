"""Every kind of key, its life, and who may take it away, on a real ledger."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta

import pytest

import devices.rules.pins
from devices.model.approvals import Answer, ApprovalKind
from devices.model.errors import (
    CardUnfit,
    NeverOpens,
    NotSo,
    NotYours,
    WindowWider,
)
from devices.model.keys import (
    CredentialState,
    KeyKind,
    KeyState,
    Refusal,
    WeekDays,
)
from devices.model.locks import Lock
from devices.model.places import Landlord, LockId
from devices.model.tasks import Incident
from devices.service.asking import Emergency
from devices.service.ekeys import Order
from ledger.errors import Erased, LedgerUnavailable, TooManyAttempts
from tests.system.world import LANDLORD, LOCK, World, drawn

HOUR = timedelta(hours=1)
PIN = "471193"


def order(world: World, kind: KeyKind = KeyKind.VISIT, **more) -> Order:
    now = world.clock.now()
    return Order(kind, "Cleaner Li", (now - HOUR, now + HOUR), **more)


async def issued(
    world: World, kind: KeyKind = KeyKind.VISIT, pin: str | None = PIN, **more
):
    with drawn(pin):
        told = order(world, kind, **more)
        return await world.ekeys.issue(told, [world.door], LANDLORD)


async def tried(world: World, pin: str = PIN) -> Refusal | None:
    return (await world.access.present(world.door, pin)).refusal


async def test_a_visit_opens_in_its_time_and_is_cleared_after_it(world: World) -> None:
    key = await issued(world)
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.CONFIRMED
    assert await tried(world) is None
    world.clock.move(HOUR)
    assert await tried(world) is Refusal.EXPIRED
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.CLEARED


async def test_a_one_time_key_opens_once_however_fast_it_is_shown(world: World) -> None:
    await issued(world, KeyKind.ONE_TIME)
    answers = await asyncio.gather(*(tried(world) for _ in range(5)))
    assert sorted(answers, key=str).count(None) == 1
    assert set(answers) == {None, Refusal.USED_UP}
    assert world.driver.told.count(("release", LOCK.id)) == 1


async def test_a_one_time_key_is_spent_on_disk_before_the_bolt_moves(
    world: World, monkeypatch
) -> None:
    await issued(world, KeyKind.ONE_TIME)

    def full(_page):
        kept = asyncio.get_running_loop().create_future()
        kept.set_exception(LedgerUnavailable("full"))
        return kept

    monkeypatch.setattr(world.stores.book, "submit", full)
    assert await tried(world) is Refusal.NOT_KEPT
    assert ("release", LOCK.id) not in world.driver.told


async def test_a_one_time_key_that_the_lock_opened_itself_is_spent(
    world: World, opening
) -> None:
    key = await issued(world, KeyKind.ONE_TIME)
    await world.settled()
    slot = world.ekeys.given(key)[0].slot
    await world.access.witness(opening(slot), world.door)
    assert world.stores.keys.key(key.id).state is KeyState.USED_UP
    await world.credentials.settle()
    assert ("clear", LOCK.id, slot) in world.driver.told


async def test_a_recurring_key_stands_at_the_lock_only_in_its_hours(
    world: World,
) -> None:
    # The clock stands at noon of a Sunday in Shanghai.
    hours = WeekDays(frozenset({6}), time(13), time(14))
    told, now = order(world, KeyKind.RECURRING, hours=hours), world.clock.now()
    with pytest.raises(NeverOpens):
        await world.ekeys.issue(told, [world.door], LANDLORD)
    told = replace(told, window=(now - HOUR, now + timedelta(days=30)))
    with drawn(PIN):
        key = await world.ekeys.issue(told, [world.door], LANDLORD)
    assert await tried(world) is Refusal.OUT_OF_HOURS
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.WAITING
    world.clock.move(HOUR)
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.CONFIRMED
    world.clock.move(HOUR)
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.WAITING
    world.clock.move(timedelta(days=6, hours=23))
    await world.settled()
    assert world.ekeys.given(key)[0].state is CredentialState.CONFIRMED


async def test_a_frozen_key_opens_nothing_and_comes_back(world: World) -> None:
    key = await issued(world)
    await world.ekeys.freeze(key, LANDLORD)
    assert await tried(world) is Refusal.FROZEN
    frozen = world.stores.keys.key(key.id)
    with pytest.raises(NotSo):
        await world.ekeys.freeze(frozen, LANDLORD)
    await world.ekeys.thaw(frozen, LANDLORD)
    assert await tried(world) is None


async def test_one_key_opens_several_doors_with_one_pin(world: World) -> None:
    world.locks.discover([Lock(LockId("0x2"), "room", "YRD", 30)])
    room = await world.building.hang(
        world.door.house, "101", LockId("0x2"), room=world.rooms[0].id
    )
    with drawn(PIN):
        await world.ekeys.issue(order(world), [world.door, room], LANDLORD)
    for door in (world.door, room):
        assert await world.access.present(door, PIN)
    assert {told[1] for told in world.driver.told} == {LOCK.id, LockId("0x2")}


async def test_a_door_without_slots_takes_its_pin_at_the_keypad(world: World) -> None:
    world.locks.discover([Lock(LockId("0x3"), "plain", "DANALOCK", 0)])
    door = await world.building.hang(world.door.house, "yard", LockId("0x3"), "pad2")
    with drawn(PIN):
        key = await world.ekeys.issue(order(world), [door], LANDLORD)
    assert world.ekeys.given(key)[0].state is CredentialState.KEPT_HERE
    assert await world.access.present(door, PIN)


async def test_no_two_keys_of_a_lock_have_one_pin_and_none_is_weak(
    world: World, monkeypatch
) -> None:
    """Whatever chance says: what is weak or taken is drawn anew, and nobody is told."""
    said = iter([471193, 471193, 123456, 900315, 4786])
    monkeypatch.setattr(devices.rules.pins.secrets, "randbelow", lambda _: next(said))
    assert await world.ekeys.pin(await issued(world, pin=None)) == "471193"
    assert await world.ekeys.pin(await issued(world, pin=None)) == "004786"


async def test_a_resident_has_another_pin_drawn_a_few_times_a_day(
    world: World, window
) -> None:
    lease = await world.registered(window)
    for _ in range(6):
        await world.ekeys.draw_pin(world.stores.keys.key(lease.key))
    with pytest.raises(TooManyAttempts):
        await world.ekeys.draw_pin(world.stores.keys.key(lease.key))
    world.clock.move(timedelta(days=1))
    await world.ekeys.draw_pin(world.stores.keys.key(lease.key))


async def test_a_resident_has_another_pin_drawn(world: World, window) -> None:
    lease = await world.registered(window)
    before = await world.pin(lease)
    await world.settled()
    with drawn("004786"):
        await world.ekeys.draw_pin(world.stores.keys.key(lease.key))
    assert await tried(world, before) is Refusal.UNKNOWN_KEY
    assert await tried(world, "004786") is None

    def given():
        return world.ekeys.given(world.stores.keys.key(lease.key))[0]

    async def hear(*, held: bool) -> CredentialState:
        await world.credentials.hear(LOCK.id, given().slot, held=held)
        await world.credentials.settle()
        return given().state

    slot = given().slot
    await world.credentials.settle()
    assert world.driver.told[-2:] == [("clear", LOCK.id, slot), ("ask", LOCK.id, slot)]
    assert await hear(held=True) is CredentialState.CLEARING  # as it was said before
    assert await hear(held=False) is CredentialState.WRITING
    assert world.driver.told[-2] == ("write", LOCK.id, slot, "004786")
    assert await hear(held=False) is CredentialState.WRITING
    assert await hear(held=True) is CredentialState.CONFIRMED


async def test_a_guests_key_lies_inside_its_givers(world: World, window) -> None:
    lease = await world.registered(window)
    mine = world.stores.keys.key(lease.key)
    wide = replace(order(world, KeyKind.GUEST), window=(window[0], window[1] + HOUR))
    with pytest.raises(WindowWider):
        await world.ekeys.issue(wide, [world.door], mine)
    with drawn(PIN):
        guest = await world.ekeys.issue(order(world, KeyKind.GUEST), [world.door], mine)
    assert await tried(world) is None
    with pytest.raises(NotYours):
        await world.ekeys.end(guest, LANDLORD)
    await world.moving_out.end(lease, lease.tenant)
    assert await tried(world) is Refusal.REVOKED


async def test_a_visitors_label_and_pin_go_after_the_term(world: World) -> None:
    key = await issued(world)
    await world.settled()
    assert await world.stores.keys.label(key) == "Cleaner Li"
    world.clock.move(2 * HOUR)
    await world.settled()
    await world.ekeys.forget_over(world.clock.now())
    assert await world.stores.keys.label(key) == ""
    with pytest.raises(Erased):
        await world.stores.keys.seal(key.holder, PIN)


async def test_no_landlord_stops_a_residents_key_without_his_word(
    world: World, window
) -> None:
    lease = await world.registered(window)
    key = world.stores.keys.key(lease.key)
    for stop in (world.ekeys.freeze, world.ekeys.end):
        with pytest.raises(NotYours):
            await stop(key, LANDLORD)
    with pytest.raises(NotYours):
        await world.moving_out.end(lease, LANDLORD)
    assert not await world.asking.granted(ApprovalKind.END_LEASE, lease.id)
    asked = await world.asking.ask(
        ApprovalKind.END_LEASE, lease.id, lease.tenant, LANDLORD
    )
    await world.asking.answer(asked.id, lease.tenant, Answer.YES)
    assert await world.asking.granted(ApprovalKind.END_LEASE, lease.id)
    await world.moving_out.end(lease, LANDLORD, agreed=True)
    assert await tried(world, await world.pin(lease)) is Refusal.REVOKED


async def test_a_question_is_answered_once_and_by_whom_it_asks(
    world: World, window
) -> None:
    lease = await world.registered(window)
    asked = await world.asking.ask(
        ApprovalKind.OPEN_DOOR, world.door.id, lease.tenant, LANDLORD
    )
    with pytest.raises(NotYours):
        await world.asking.answer(asked.id, "somebody", Answer.YES)
    world.clock.move(timedelta(minutes=6))
    with pytest.raises(NotSo):
        await world.asking.answer(asked.id, lease.tenant, Answer.YES)


@pytest.fixture
async def own_room(world: World) -> World:
    """Give the first room a door of its own, through which the lease's key goes."""
    world.locks.discover([Lock(LockId("0x2"), "room", "YRD", 30)])
    world.door = await world.building.hang(
        world.door.house, "101", LockId("0x2"), room=world.rooms[0].id
    )
    return world


async def test_a_landlord_opens_a_let_room_only_with_its_residents_word(
    own_room: World, window
) -> None:
    world = own_room
    assert await world.asking.open_for(world.door, LANDLORD)
    released = ("release", LockId("0x2"))
    assert world.driver.told.count(released) == 1
    lease = await world.registered(window)
    refused = await world.asking.open_for(world.door, LANDLORD)
    assert refused.refusal is Refusal.ASKED
    [asked] = await world.asking.of(lease.tenant)
    with pytest.raises(NotSo):
        await world.asking.open_agreed(asked)
    assert world.driver.told.count(released) == 1
    said = await world.asking.answer(asked.id, lease.tenant, Answer.YES)
    assert await world.asking.open_agreed(said)
    assert world.driver.told.count(released) == 2


async def test_a_landlord_gives_no_key_to_a_room_where_somebody_lives(
    own_room: World, window
) -> None:
    world = own_room
    await issued(world)
    assert await tried(world) is None
    await world.registered(window)
    assert await tried(world) is Refusal.REVOKED
    with pytest.raises(NotYours):
        await issued(world, pin="004786")


async def test_an_emergency_opens_at_once_and_tells_those_who_live_there(
    own_room: World, window
) -> None:
    world = own_room
    lease = await world.registered(window)
    emergency = Emergency("Landlord A", "water runs from the room", "Neighbour B")
    assert await world.asking.open_in_emergency(world.door, emergency)
    await world.alarms.book_next()
    for owner in (LANDLORD, lease.tenant):
        [task] = await world.stores.tasks.of(owner)
        assert task.incident is Incident.EMERGENCY_OPENING
        assert "Neighbour B" in task.note
        assert task.due == world.clock.now() + timedelta(hours=24)


async def test_a_roommate_who_leaves_takes_only_his_own(world: World, window) -> None:
    first = await world.registered(window)
    lease, token = await world.letting.add_co_tenant(first, [world.door], "second")
    code = (await world.stores.invitations.of(lease.id)).code
    second = await world.letting.bind(token, code)
    assert second.tenancy == first.tenancy
    await world.moving_out.end(second, second.tenant)
    assert await tried(world, await world.pin(first)) is None


async def test_a_house_changes_hands_old_keys_die_tenants_stay(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await issued(world)
    house = await world.stores.houses.house(world.door.house)
    await world.building.hand_over(house, Landlord("next", "房东乙", "13900000000"))
    assert await tried(world) is Refusal.REVOKED
    assert await tried(world, await world.pin(lease)) is None
    assert not await world.stores.houses.of(LANDLORD)
    key = world.stores.keys.key(lease.key)
    with pytest.raises(NotYours):
        await world.ekeys.freeze(key, LANDLORD, agreed=True)


async def test_what_the_former_landlord_asked_lapses_with_the_house(
    world: World, window
) -> None:
    """Neither an open question nor a yes that was given to him is the next one's."""
    lease = await world.registered(window)
    kinds = (ApprovalKind.END_LEASE, ApprovalKind.FREEZE_KEY)
    ask = world.asking.ask
    asked = [await ask(kind, lease.id, lease.tenant, LANDLORD) for kind in kinds]
    await world.asking.answer(asked[0].id, lease.tenant, Answer.YES)
    assert await world.asking.granted(ApprovalKind.END_LEASE, lease.id)
    world.access.vouch([world.door.house])
    house = await world.stores.houses.house(world.door.house)
    next_one = Landlord("next", "房东乙", "13900000000")
    abouts = await world.rights.concerns(house.id)
    await world.building.hand_over(house, next_one, abouts)
    assert not await world.asking.granted(ApprovalKind.END_LEASE, lease.id)
    with pytest.raises(NotSo):
        await world.asking.answer(asked[1].id, lease.tenant, Answer.YES)
    assert not world.access.vouches(house.id)


async def test_a_new_key_is_ready_once_every_old_code_is_gone(
    world: World, window
) -> None:
    first = await world.registered(window)
    await world.settled()
    await world.moving_out.end(first, first.tenant)
    after = (world.clock.now() + HOUR, window[1])
    second = await world.registered(after)
    key = world.stores.keys.key(second.key)
    assert not world.credentials.ready(key)
    await world.settled()
    assert world.credentials.ready(key)
    await world.credentials.hear(LOCK.id, 17, held=True)
    assert not world.credentials.ready(key)
    await world.credentials.hear(LOCK.id, 17, held=False)
    assert world.credentials.ready(key)


async def test_a_foreign_code_keeps_its_slot(world: World) -> None:
    await world.credentials.hear(LOCK.id, 1, held=True)
    assert world.ekeys.given(await issued(world))[0].slot == 2


async def test_250_slots_are_each_given_once(world: World, monkeypatch) -> None:
    monkeypatch.setattr(devices.service.pins, "KEPT", 1000)  # visitors' and residents'
    world.locks.discover([replace(LOCK, slots=251)])
    for _ in range(250):
        await issued(world, pin=None)
    slots = {given.slot for given, _ in world.stores.keys.credentials()}
    assert slots == set(range(1, 251))


CARD = "04A2B3C4D5E680"


async def test_a_card_held_to_the_keypad_opens_from_then_on(
    world: World, window
) -> None:
    lease = await world.registered(window)
    key = world.stores.keys.key(lease.key)
    assert (await world.cards.present(world.door, CARD)).refusal is Refusal.UNKNOWN_KEY
    world.cards.wait_for(world.door, key)
    assert (await world.cards.present(world.door, "999999")) is not None
    assert await world.cards.present(world.door, CARD) is None
    assert not world.driver.told
    assert await world.cards.present(world.door, CARD)
    assert await tried(world, await world.pin(lease)) is None
    await world.ekeys.freeze(key, key.holder)
    assert (await world.cards.present(world.door, CARD)).refusal is Refusal.FROZEN
    await world.ekeys.thaw(world.stores.keys.key(key.id), key.holder)
    await world.ekeys.drop_cards(key)
    assert (await world.cards.present(world.door, CARD)).refusal is Refusal.UNKNOWN_KEY


async def test_a_card_is_waited_for_a_minute_and_stands_for_one_key(
    world: World, window
) -> None:
    first = world.stores.keys.key((await world.registered(window)).key)
    second = world.stores.keys.key((await world.registered(window, room=1)).key)
    world.cards.wait_for(world.door, first)
    world.clock.move(timedelta(minutes=1))
    assert (await world.cards.present(world.door, CARD)).refusal is Refusal.UNKNOWN_KEY
    await world.ekeys.add_card(first, CARD)
    with pytest.raises(CardUnfit):
        await world.ekeys.add_card(second, CARD)
    world.cards.wait_for(world.door, second)
    assert (await world.cards.present(world.door, CARD)).key.id == first.id
    for none in ("4711", "", "x" * 41, "card number"):
        with pytest.raises(CardUnfit):
            await world.ekeys.add_card(second, none)
