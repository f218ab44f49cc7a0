"""A court's paper: seen by an officer, told to the resident, and never at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from devices.model.approvals import HEARD, Answer, ApprovalKind, Paper
from devices.model.errors import NotSo, NotYours
from devices.model.keys import KeyState
from enrolment.model.errors import PaperUnseen, StationSilent
from enrolment.model.leases import Stage
from ledger.errors import TooManyAttempts
from tests.system.world import LANDLORD, PERSON, World

PAPER, NEWER = Paper("Court", "20261"), Paper("High Court", "20269")
SECOND = Paper("Court", "20262")
CODE, FREEZE, END = "12345678", ApprovalKind.FREEZE_KEY, ApprovalKind.END_LEASE


async def freeze(world: World, lease) -> None:
    agreed = await world.asking.granted(FREEZE, lease.id)
    key = world.stores.keys.key(lease.key)
    await world.ekeys.freeze(key, LANDLORD, agreed=agreed)


async def end(world: World, lease) -> Stage:
    agreed = await world.asking.granted(END, lease.id)
    return (await world.moving_out.end(lease, LANDLORD, agreed=agreed)).stage


async def test_a_paper_that_no_officer_saw_is_nothing(world: World, window) -> None:
    lease = await world.registered(window)
    with pytest.raises(PaperUnseen):
        await world.papers.show(lease, END, PAPER, "87654321", LANDLORD)
    world.papers.counter.silent = True
    with pytest.raises(StationSilent):
        await world.papers.show(lease, END, PAPER, CODE, LANDLORD)
    none = replace(world.papers, counter=None)
    with pytest.raises(StationSilent):
        await none.show(lease, END, PAPER, CODE, LANDLORD)
    assert not await world.asking.of(lease.tenant)
    world.clock.move(HEARD)
    with pytest.raises(NotYours):
        await end(world, lease)


async def test_codes_of_papers_cannot_be_guessed(world: World, window) -> None:
    lease = await world.registered(window)
    for guess in range(5):
        with pytest.raises(PaperUnseen):
            await world.papers.show(lease, END, PAPER, f"{guess:08}", LANDLORD)
    with pytest.raises(TooManyAttempts):
        await world.papers.show(lease, END, PAPER, CODE, LANDLORD)


@pytest.mark.parametrize("early", [HEARD, timedelta(minutes=1), timedelta(seconds=1)])
async def test_nothing_is_done_before_the_resident_had_three_days(
    world: World, window, early: timedelta
) -> None:
    lease = await world.registered(window)
    for kind, paper in ((FREEZE, PAPER), (END, SECOND)):
        await world.papers.show(lease, kind, paper, CODE, LANDLORD)
    # An officer's code is for what a paper orders, and for whom it is against.
    assert world.papers.counter.asked == [
        ("COURT_FREEZE", PERSON.name, PAPER.number),
        ("COURT_END", PERSON.name, SECOND.number),
    ]
    told = {each.paper for each in await world.asking.of(lease.tenant)}
    assert told == {PAPER, SECOND}
    world.clock.move(HEARD - early)
    for act in (freeze, end):
        with pytest.raises(NotYours):
            await act(world, lease)
    world.clock.move(early)
    await freeze(world, lease)
    assert await end(world, lease) is Stage.LEFT


async def test_what_a_paper_froze_its_holder_alone_does_not_thaw(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.papers.show(lease, FREEZE, PAPER, CODE, LANDLORD)
    assert not await world.asking.ordered(FREEZE, lease.id)
    world.clock.move(HEARD)
    await freeze(world, lease)
    assert world.stores.keys.key(lease.key).state is KeyState.FROZEN
    assert await world.asking.ordered(FREEZE, lease.id)
    await world.papers.object(lease, NEWER, CODE)
    assert not await world.asking.ordered(FREEZE, lease.id)


async def test_a_newer_paper_holds_an_earlier_one(world: World, window) -> None:
    lease = await world.registered(window)
    await world.papers.show(lease, END, PAPER, CODE, LANDLORD)
    with pytest.raises(PaperUnseen):
        await world.papers.object(lease, NEWER, "87654321")
    await world.papers.object(lease, NEWER, CODE)
    world.clock.move(HEARD)
    with pytest.raises(NotYours):
        await end(world, lease)
    # One that comes after it counts again, and again not before three days.
    await world.papers.show(lease, END, Paper("Court", "20271"), CODE, LANDLORD)
    world.clock.move(HEARD)
    assert await end(world, lease) is Stage.LEFT


async def test_no_paper_holds_itself_and_a_held_one_does_not_come_back(
    world: World, window
) -> None:
    lease = await world.registered(window)
    with pytest.raises(NotSo):
        await world.papers.object(lease, NEWER, CODE)  # nothing is ordered
    await world.papers.show(lease, END, PAPER, CODE, LANDLORD)
    with pytest.raises(NotSo):
        await world.papers.object(lease, PAPER, CODE)
    await world.papers.object(lease, NEWER, CODE)
    with pytest.raises(NotSo):
        await world.papers.show(lease, END, PAPER, CODE, LANDLORD)


async def test_a_landlords_wrong_codes_keep_no_resident_from_objecting(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.papers.show(lease, END, PAPER, CODE, LANDLORD)
    for guess in range(5):
        with pytest.raises(PaperUnseen):
            await world.papers.show(lease, END, SECOND, f"{guess:08}", LANDLORD)
    await world.papers.object(lease, NEWER, CODE)


async def test_no_number_of_questions_hides_a_paper(world: World, window) -> None:
    lease = await world.registered(window)
    await world.papers.show(lease, END, PAPER, CODE, LANDLORD)
    asked = []
    for number in range(30):
        world.clock.move(timedelta(seconds=1))
        told = (f"door {number}", lease.tenant, LANDLORD)
        asked.append(await world.asking.ask(ApprovalKind.OPEN_DOOR, *told))
    found = await world.asking.of(lease.tenant)
    assert PAPER in {each.paper for each in found}
    again = ("door 29", lease.tenant, LANDLORD)  # the same question is asked once
    assert await world.asking.ask(ApprovalKind.OPEN_DOOR, *again) == asked[-1]


async def test_a_word_that_was_used_freezes_nothing_again(world: World, window) -> None:
    lease = await world.registered(window)
    asked = await world.asking.ask(FREEZE, lease.id, lease.tenant, LANDLORD)
    await world.asking.answer(asked.id, lease.tenant, Answer.YES)
    assert not await world.asking.ordered(FREEZE, lease.id)
