"""Rooms are let, and links bind phones: whose it is, and what it shows."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from devices.model.tasks import TaskKind
from enrolment.model.errors import (
    CodeWrong,
    EnrolmentError,
    LinkDead,
    OutOfTurn,
    RoomTaken,
    WindowWrong,
)
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.model.rights import Basis
from enrolment.service.letting import digest
from ledger.errors import Conflict
from tests.system.world import LANDLORD, PERSON, World


async def test_a_link_binds_to_one_phone(world: World, window) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    await world.letting.bind(token, code)
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)


@pytest.mark.parametrize("numbered", [False, True], ids=["link", "number"])
async def test_a_page_whose_answer_was_lost_asks_again_and_no_other_does(
    world: World, window, *, numbered: bool
) -> None:
    lease, token = await world.let(window)
    link = await world.stores.invitations.of(lease.id)
    told = link.number if numbered else token
    bind = world.letting.bind_numbered if numbered else world.letting.bind
    first = await bind(told, link.code, "page")
    assert await bind(told, link.code, "page") == first
    for other in ("other", ""):
        with pytest.raises(LinkDead):
            await bind(told, link.code, other)
    with pytest.raises(CodeWrong):  # which he may mistype
        await bind(told, "none", "page")
    assert await bind(told, link.code, "page") == first
    await world.enrolment.read_notice(first, "n")
    with pytest.raises(LinkDead):  # he is under way
        await bind(told, link.code, "page")


async def test_a_page_asks_again_for_ten_minutes_and_while_tries_are_left(
    world: World, window
) -> None:
    for room, tries in ((0, 1), (1, 4)):
        lease, token = await world.let(window, room)
        link = await world.stores.invitations.of(lease.id)
        for _ in range(tries):
            await world.letting.bind(token, link.code, "page")
        if tries == 1:
            world.clock.move(timedelta(minutes=10))
        else:
            with pytest.raises(CodeWrong):
                await world.letting.bind(token, "none", "page")
        with pytest.raises(LinkDead):
            await world.letting.bind(token, link.code, "page")


async def test_whoever_has_no_link_at_hand_types_its_number(
    world: World, window
) -> None:
    lease, _ = await world.let(window)
    found = await world.stores.invitations.of(lease.id)
    number = f"{found.number[:4]} {found.number[4:]}"
    with pytest.raises(LinkDead):
        await world.letting.bind_numbered(number[::-1] + "1", found.code)
    with pytest.raises(CodeWrong):
        await world.letting.bind_numbered(number, "no")
    await world.letting.invite_again(lease)  # the number goes with its link
    with pytest.raises(LinkDead):
        await world.letting.bind_numbered(number, found.code)
    found = await world.stores.invitations.of(lease.id)
    bound = await world.letting.bind_numbered(found.number, found.code)
    assert (bound.id, bound.stage) == (lease.id, Stage.BOUND)
    with pytest.raises(LinkDead):
        await world.letting.bind_numbered(found.number, found.code)


async def test_a_code_is_guessed_at_most_five_times(world: World, window) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    for _ in range(5):
        with pytest.raises(CodeWrong):
            await world.letting.bind(token, "no")
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)


class Together:
    """Invitations that so many read before any of them goes on."""

    def __init__(self, world: World, parties: int) -> None:
        self.real, self.barrier = world.stores.invitations, asyncio.Barrier(parties)
        self.read = asyncio.Event()

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    async def find(self, token: bytes):
        found = await self.real.find(token)
        self.read.set()
        await self.barrier.wait()
        return found


async def at_once(world: World, token: str, codes: list[str]) -> list:
    letting = replace(world.letting, invitations=Together(world, len(codes)))
    binds = [letting.bind(token, code) for code in codes]
    return await asyncio.gather(*binds, return_exceptions=True)


async def read_before(world: World, tried: tuple[str, str], meanwhile: Awaitable):
    """Try a link as it was read before something else was done; return both ends."""
    held = Together(world, 2)
    letting = replace(world.letting, invitations=held)

    async def late():
        try:
            return await letting.bind(*tried)
        except EnrolmentError as error:
            return error

    async with asyncio.TaskGroup() as tasks:
        trying = tasks.create_task(late())
        await held.read.wait()
        done = await meanwhile
        await held.barrier.wait()
    return trying.result(), done


async def test_tries_at_the_same_moment_are_counted_one_by_one(
    world: World, window
) -> None:
    lease, token = await world.let(window)
    found = await at_once(world, token, ["no"] * 4)
    assert sorted(type(each).__name__ for each in found) == [
        "CodeWrong",
        *["Conflict"] * 3,
    ]
    assert (await world.stores.invitations.of(lease.id)).tries == 1


async def test_a_wrong_code_at_the_same_moment_frees_no_link(
    world: World, window
) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    bind = world.letting.bind(token, code)
    found, _ = await read_before(world, (token, "no"), bind)
    assert isinstance(found, LinkDead)
    assert (await world.stores.invitations.of(lease.id)).bound


async def test_two_phones_at_the_same_moment_are_one(world: World, window) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    found = await at_once(world, token, [code] * 3)
    assert [isinstance(each, Lease) for each in found].count(True) == 1
    assert {type(each) for each in found} <= {Lease, Conflict, LinkDead}


async def test_a_new_link_is_not_undone_by_a_try_of_the_old(
    world: World, window
) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    new = world.letting.invite_again(lease)
    late, again = await read_before(world, (token, code), new)
    assert isinstance(late, LinkDead)
    found = await world.stores.invitations.of(lease.id)
    assert found.token == digest(again)
    assert not found.bound


async def test_a_link_expires_and_a_new_one_kills_the_old(world: World, window) -> None:
    lease, token = await world.let(window)
    again = await world.letting.invite_again(lease)
    code = (await world.stores.invitations.of(lease.id)).code
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)
    world.clock.move(timedelta(days=8))
    with pytest.raises(LinkDead):
        await world.letting.bind(again, code)


async def rebound(world: World, lease: Lease, code: str = "") -> Lease:
    """Open a new link on another phone, with its spoken code or another word."""
    token = await world.letting.invite_again(lease)
    spoken = (await world.stores.invitations.of(lease.id)).code
    return await world.letting.bind(token, code or spoken)


async def test_another_phone_begins_anew_and_shows_nothing_of_before(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    [task] = await world.stores.tasks.of(LANDLORD)
    due = task.due
    world.clock.move(timedelta(hours=5))
    again = await rebound(world, lease)
    assert (again.stage, again.path, again.face) == (
        Stage.BOUND,
        FacePath.UNDECIDED,
        None,
    )
    with pytest.raises(OutOfTurn):
        await world.stores.leases.claimed(again)
    assert await world.stores.consents.template(lease.tenant) is None
    [task] = await world.stores.tasks.of(LANDLORD)
    assert (task.kind, task.due) == (TaskKind.SEE_REGISTERED, due)
    with pytest.raises(OutOfTurn):
        await world.enrolment.identify(again, PERSON)  # the notice comes first


async def test_d14_a_new_link_to_a_resident_needs_his_pin(world: World, window) -> None:
    lease = await world.registered(window)
    with pytest.raises(CodeWrong):
        await rebound(world, lease)
    found = await rebound(world, lease, await world.pin(lease))
    assert found.stage is Stage.REGISTERED


async def test_whoever_left_comes_back_by_his_pin_until_his_data_go(
    world: World, window
) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    left = await world.moving_out.end(lease, LANDLORD, agreed=True)
    with pytest.raises(CodeWrong):
        await rebound(world, left)
    found = await rebound(world, left, pin)
    assert (found.stage, found.left_at) == (Stage.LEFT, left.left_at)
    assert await world.farewells.give(found)
    for _ in range(2):
        await world.forwarding.forward_due()
    world.clock.move(timedelta(days=31))
    await world.credentials.settle()
    await world.moving_out.erase_due()
    gone = await world.stores.leases.find(lease.id)
    assert gone.stage is Stage.ERASED
    with pytest.raises(OutOfTurn):
        await world.letting.invite_again(gone)


async def test_whoever_never_registered_does_not_come_back(
    world: World, window
) -> None:
    left = await world.moving_out.end(await world.bound(window), LANDLORD)
    with pytest.raises(OutOfTurn):
        await world.letting.invite_again(left)


async def test_d14_a_landlord_hands_his_phone_only_to_whoever_has_none(
    world: World, window
) -> None:
    own = await world.bound(window)
    with pytest.raises(OutOfTurn):
        await world.letting.bind_here(own)
    lease, token = await world.let(window, 1)
    lease = await world.letting.bind_here(lease)
    with pytest.raises(LinkDead):
        await world.letting.bind(token, "")
    lease = await world.enrolment.read_notice(lease, "n")
    lease = await world.enrolment.choose(lease, FacePath.PERSON, "n")
    lease, _ = await world.enrolment.identify(lease, PERSON)
    await world.letting.bind_here(lease)  # he goes on, after he signed out
    await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
    lease = await world.stores.leases.find(lease.id)
    await world.letting.bind_here(lease)  # once, to see his PIN
    with pytest.raises(OutOfTurn):
        await world.letting.bind_here(lease)
    told = await world.stores.rights.disclosures(lease.tenant)
    assert [each.basis for each in told] == [Basis.LANDLORD_PHONE] * 3


async def test_a_room_is_let_once_at_a_time(world: World, window) -> None:
    await world.let(window)
    with pytest.raises(RoomTaken):
        await world.let(window)
    both = await asyncio.gather(
        world.let(window, 1), world.let(window, 1), return_exceptions=True
    )
    assert sum(isinstance(each, RoomTaken) for each in both) == 1


async def test_a_lease_must_end_after_it_starts(world: World, window) -> None:
    with pytest.raises(WindowWrong):
        await world.let((window[1], window[0]))
