"""A lease goes on: keys, PINs and the registration go with it, or nothing does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from devices.model.approvals import Answer, ApprovalKind
from devices.model.errors import NotSo
from devices.model.keys import CredentialState, KeyState, Refusal
from devices.model.locks import ReadBack
from devices.model.tasks import TaskKind
from enrolment.model.errors import OutOfTurn, RoomTaken, WindowWrong
from enrolment.model.leases import Lease, Stage
from enrolment.model.register import RegistrationKind
from enrolment.rules.leases import LASTS
from ledger.errors import Conflict
from tests.system.test_correcting import reported
from tests.system.test_keys import order, tried
from tests.system.test_rights import fields, noted
from tests.system.world import LANDLORD, LOCK, PERSON, World

DAY, MONTH = timedelta(days=1), timedelta(days=30)


async def beside(world: World, lease: Lease) -> Lease:
    """Register a co-tenant as well."""
    made = await world.letting.add_co_tenant(lease, [world.door], "second")
    return await world.register(await world.bind(*made))


def slot(world: World, lease: Lease) -> tuple[int, CredentialState]:
    [given] = world.ekeys.given(world.stores.keys.key(lease.key))
    return given.slot, given.state


async def test_a_prolonged_lease_keeps_its_pin_and_is_reported_as_changed(
    world: World, window
) -> None:
    lease = await world.registered(window)
    pin, ends = await world.pin(lease), lease.ends + MONTH
    await world.settled()
    await world.forwarding.forward_due()
    world.clock.move(DAY)
    await world.prolonging.prolong([lease], ends, LANDLORD)
    assert await reported(world) == [
        ("arrival", 1, PERSON.name),
        ("change", 2, PERSON.name),
    ]
    stays = [each.report["stay"]["planned_out"] for each in world.registry.seen]
    assert stays == [lease.ends.isoformat(), ends.isoformat()]
    latest = await world.stores.register.latest(lease.registration)
    assert (latest.kind, latest.planned_out) == (RegistrationKind.CHANGE, ends)
    longer = await world.stores.leases.find(lease.id)
    shown = await fields(world, longer)
    assert shown["move_out"].since == latest.recorded_at
    assert shown["move_in"].since < latest.recorded_at
    assert await noted(world, "prolongation") == 1
    world.clock.at = lease.ends + DAY
    await world.settled()
    assert await tried(world, pin) is None
    world.clock.at = ends
    assert await tried(world, pin) is Refusal.EXPIRED


async def test_whose_last_day_is_over_gets_his_pin_back_in_a_free_slot(
    world: World, window
) -> None:
    first = await world.registered(window)
    second = await beside(world, first)
    await world.settled()
    await world.settled()
    old = {slot(world, each)[0] for each in (first, second)}
    world.clock.at = first.ends
    for _ in range(2):
        await world.settled()
    assert {slot(world, each)[1] for each in (first, second)} == {
        CredentialState.CLEARED
    }
    after = (world.clock.now(), world.clock.now() + MONTH)
    others = [await world.registered(after, room=1)]
    others.append(await beside(world, others[0]))
    assert {slot(world, each)[0] for each in others} == old
    both = [first, *await world.prolonging.beside(first)]
    await world.prolonging.prolong(both, first.ends + MONTH, LANDLORD)
    for _ in range(4):
        await world.settled()
    found = [slot(world, each) for each in (first, second, *others)]
    assert len({number for number, _ in found}) == 4
    assert {state for _, state in found} == {CredentialState.CONFIRMED}
    for each in (first, second):
        assert await tried(world, await world.pin(each)) is None


async def test_who_left_before_is_not_brought_back(world: World, window) -> None:
    first = await world.registered(window)
    second = await beside(world, first)
    await world.moving_out.end(second, second.tenant)
    await world.prolonging.prolong([first], first.ends + MONTH, LANDLORD)
    gone = await world.stores.leases.find(second.id)
    assert (gone.stage, gone.ends) == (Stage.LEFT, second.ends)
    assert world.stores.keys.key(second.key).state is KeyState.REVOKED
    with pytest.raises(OutOfTurn):
        await world.prolonging.prolong([gone], gone.ends + MONTH, LANDLORD)


async def test_a_lease_that_nobody_took_up_yet_is_prolonged_with_its_key(
    world: World, window
) -> None:
    lease, token = await world.let(window)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    longer = await world.register(await world.bind(lease, token))
    latest = await world.stores.register.latest(longer.registration)
    assert (latest.version, latest.planned_out) == (1, lease.ends + MONTH)
    assert world.stores.keys.key(lease.key).ends == lease.ends + MONTH


async def test_where_it_cannot_be_nothing_of_it_is_done(world: World, window) -> None:
    lease = await world.registered(window)
    second = await beside(world, lease)
    await world.let((lease.ends, lease.ends + MONTH))
    prolong, now = world.prolonging.prolong, world.clock.now()
    with pytest.raises(RoomTaken):
        await prolong([lease, second], lease.ends + DAY, LANDLORD)
    for ends in (lease.ends, lease.ends - DAY, now + LASTS + DAY):
        with pytest.raises(WindowWrong):
            await prolong([lease, second], ends, LANDLORD)
    other = await world.bound(window, room=1)
    with pytest.raises(OutOfTurn):  # somebody else's
        await prolong([lease, other], lease.ends + DAY, LANDLORD)
    world.clock.at = lease.ends + MONTH
    with pytest.raises(WindowWrong):  # that day is over as well
        await prolong([lease, second], lease.ends + DAY, LANDLORD)
    for each in (lease, second):
        assert (await world.stores.leases.find(each.id)).ends == each.ends
        assert world.stores.keys.key(each.key).ends == each.ends
        latest = await world.stores.register.latest(each.registration)
        assert latest.kind is RegistrationKind.ARRIVAL
    assert await noted(world, "prolongation") == 0


async def test_no_lease_is_made_for_longer_than_the_law_lets(world: World) -> None:
    now = world.clock.now()
    with pytest.raises(WindowWrong):
        await world.let((now, now + LASTS + DAY))


async def test_what_was_read_before_does_not_undo_it(world: World, window) -> None:
    bound = await world.bound(window)
    await world.prolonging.prolong([bound], bound.ends + MONTH, LANDLORD)
    with pytest.raises(Conflict):
        await world.enrolment.read_notice(bound, "n")
    lease = await world.registered(window, room=1)
    key = world.stores.keys.key(lease.key)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    with pytest.raises(Conflict):
        await world.ekeys.freeze(key, LANDLORD, agreed=True)
    with pytest.raises(Conflict):
        await world.moving_out.end(lease, lease.tenant)
    assert (await world.stores.leases.find(lease.id)).ends == lease.ends + MONTH


async def blind_and_over(world: World, window) -> Lease:
    """Register somebody at a lock that tells nothing, and let his last day pass."""
    world.locks.discover([replace(LOCK, read_back=ReadBack.NEVER)], ["pad"])
    lease = await world.registered(window)
    await world.credentials.settle()
    world.clock.at = lease.ends
    await world.credentials.settle()
    [task] = await world.stores.tasks.of(LANDLORD)
    assert task.kind is TaskKind.CLEAR_AT_KEYPAD
    return lease


async def test_nobody_clears_at_the_keypad_what_works_again(
    world: World, window
) -> None:
    lease = await blind_and_over(world, window)
    world.clock.move(timedelta(hours=9))
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    assert await world.stores.tasks.of(LANDLORD) == []
    await world.credentials.settle()
    assert slot(world, lease)[1] is CredentialState.UNCONFIRMED
    assert world.driver.told[-1][0] == "write"
    assert await world.stores.tasks.of(LANDLORD) == []


async def test_what_was_to_be_cleared_of_a_frozen_key_still_is(
    world: World, window
) -> None:
    lease = await blind_and_over(world, window)
    key = world.stores.keys.key(lease.key)
    await world.ekeys.freeze(key, LANDLORD)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    assert len(await world.stores.tasks.of(LANDLORD)) == 1
    assert slot(world, lease)[1] is CredentialState.CLEARING
    await world.credentials.attest(key)
    assert await world.stores.tasks.of(LANDLORD) == []
    await world.ekeys.thaw(world.stores.keys.key(key.id), LANDLORD)
    await world.credentials.settle()
    assert slot(world, lease)[1] is CredentialState.UNCONFIRMED


async def test_a_pin_that_was_just_called_cleared_comes_back_as_well(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.settled()
    world.clock.at = lease.ends
    await world.credentials.settle()
    key = world.stores.keys.key(lease.key)
    [given] = world.ekeys.given(key)
    assert given.state is CredentialState.CLEARING
    async with world.stores.book.page() as page:  # the memory does not know it yet
        world.stores.leases.change(page, replace(lease, ends=lease.ends), after=lease)
        world.ekeys.prolong(page, [key], [world.door], lease.ends + MONTH)
    await world.credentials.hear(LOCK.id, given.slot, held=False)
    await world.stores.keys.refresh()
    for _ in range(2):
        await world.settled()
    assert slot(world, lease)[1] is CredentialState.CONFIRMED


async def test_what_the_landlord_gave_to_the_empty_room_ends_as_it_is_lived_in_again(
    world: World, window
) -> None:
    lease = await world.registered(window)
    world.clock.at = lease.ends
    room = replace(world.door, room=world.rooms[0].id)
    given = await world.ekeys.issue(order(world), [room], LANDLORD)
    await world.stores.keys.refresh()
    key = world.stores.keys.key(lease.key)
    async with world.stores.book.page() as page:
        world.ekeys.prolong(page, [key], [room], lease.ends + MONTH)
    await world.stores.keys.refresh()
    assert world.stores.keys.key(given.id).state is KeyState.REVOKED


async def test_a_key_that_was_ended_for_ever_is_not_prolonged(
    world: World, window
) -> None:
    lease = await world.registered(window)
    world.clock.at = lease.ends
    await world.ekeys.end(world.stores.keys.key(lease.key), LANDLORD)
    with pytest.raises(NotSo):
        await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    assert (await world.stores.leases.find(lease.id)).ends == lease.ends


async def test_a_yes_to_the_end_was_one_to_the_lease_before(
    world: World, window
) -> None:
    lease = await world.registered(window)
    kind = ApprovalKind.END_LEASE
    asked = await world.asking.ask(kind, lease.id, lease.tenant, LANDLORD)
    await world.asking.answer(asked.id, lease.tenant, Answer.YES)
    assert await world.asking.granted(kind, lease.id)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    assert not await world.asking.granted(kind, lease.id)


async def test_f1_a_phone_that_ends_before_the_key_is_no_other_way_in(
    world: World, window
) -> None:
    lease = await world.registered(window)
    keys, key = world.stores.keys, world.stores.keys.key(lease.key)
    await world.showing.bind(key, lease.house, b"h" * 32)
    assert keys.stands_otherwise(key)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    assert not keys.stands_otherwise(keys.key(key.id))
    assert keys.phone_until(key.id) == lease.ends
    await world.showing.bind(keys.key(key.id), lease.house, b"h" * 32)
    assert keys.stands_otherwise(keys.key(key.id))


async def test_the_station_is_said_to_know_the_day_once_it_does(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await reported(world)
    await world.prolonging.prolong([lease], lease.ends + MONTH, LANDLORD)
    longer = await world.stores.leases.find(lease.id)
    told = await fields(world, longer)
    assert ("police" in told["name"].to, told["move_out"].to) == (True, ())
    await reported(world)
    assert "police" in (await fields(world, longer))["move_out"].to
