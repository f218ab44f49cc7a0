"""Two things at one moment: what was judged before the other is not done after it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from devices.model.approvals import Answer, ApprovalKind
from devices.model.errors import NotSo
from devices.model.keys import KeyKind, KeyState
from devices.service.ekeys import EKeys
from enrolment.model.consents import ConsentKind
from enrolment.model.leases import Stage
from enrolment.model.rights import RequestKind
from ledger.errors import Conflict, Erased
from tests.system.test_farewells import left
from tests.system.test_keys import order
from tests.system.test_opting_in import agreed, living
from tests.system.world import LANDLORD, World

__all__ = ["living"]
CHANGES = [
    ("thaw", lambda world, key: world.ekeys.thaw(key, key.holder)),
    ("freeze", lambda world, key: world.ekeys.freeze(key, key.holder)),
]


@pytest.mark.parametrize("change", [act for _, act in CHANGES], ids=dict(CHANGES))
async def test_no_departed_tenants_key_comes_back(
    world: World, window, change: Callable
) -> None:
    lease = await world.registered(window)
    key = world.stores.keys.key(lease.key)
    if change is dict(CHANGES)["thaw"]:
        await world.ekeys.freeze(key, key.holder)
        key = world.stores.keys.key(lease.key)
    await world.moving_out.end(lease, lease.tenant)
    with pytest.raises(Conflict):
        await change(world, key)  # as it was read a moment before
    await world.stores.keys.refresh()
    assert world.stores.keys.key(lease.key).state is KeyState.REVOKED


async def test_no_guests_key_outlives_who_gave_it(world: World, window) -> None:
    lease = await world.registered(window)
    mine = world.stores.keys.key(lease.key)
    await world.moving_out.end(lease, lease.tenant)
    with pytest.raises(Conflict):
        await world.ekeys.issue(order(world, KeyKind.GUEST), [world.door], mine)
    assert len(world.stores.keys.every()) == 1


async def test_no_visitors_key_is_cut_for_a_room_where_somebody_just_moved_in(
    world: World, window, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.registered(window)
    room = replace(world.door, room=world.rooms[0].id)
    monkeypatch.setattr(EKeys, "_lived_in", lambda *_: False)
    with pytest.raises(Conflict):
        await world.ekeys.issue(order(world), [room], LANDLORD)
    assert len(world.stores.keys.every()) == 1


async def test_a_question_has_one_answer(world: World, window) -> None:
    lease = await world.registered(window)
    asked = await world.asking.ask(
        ApprovalKind.OPEN_DOOR, world.door.id, lease.tenant, LANDLORD
    )
    said = [replace(asked, answer=each, answered_at=asked.asked_at) for each in Answer]
    approvals, book = world.stores.approvals, world.stores.book
    async with book.page() as page:
        approvals.answer(page, said[0])
    with pytest.raises(Conflict):
        async with book.page() as page:
            approvals.answer(page, said[1])
    with pytest.raises(NotSo):
        await world.asking.answer(asked.id, lease.tenant, said[1].answer)


async def test_no_request_is_lost_to_an_erasure(world: World, window) -> None:
    lease = await left(world, window)
    world.clock.move(timedelta(days=31))
    rights, real = world.moving_out.rights, world.stores.rights
    ask = world.rights.ask

    class Before:
        """What the erasure read, a moment before somebody asked."""

        def __getattr__(self, name: str):
            return getattr(real, name)

        async def requests(self, of):
            found = await real.requests(of)
            if not found:
                await ask(lease, RequestKind.EXPLAIN, "请说明")
            return found

    erasing = replace(world.moving_out, rights=Before())
    await erasing.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.LEFT
    [asked] = await rights.requests(lease.id)
    assert asked.text == "请说明"
    await world.rights.answer(asked, "好", granted=True)
    await erasing.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED
    with pytest.raises((Conflict, Erased)):  # he was read before his data went
        await world.rights.ask(lease, RequestKind.EXPLAIN, "another")
    assert len(await rights.requests(lease.id)) == 1


async def test_two_taps_are_one_request_and_one_consent(house: World, living) -> None:
    asks = [house.rights.ask(living, RequestKind.EXPLAIN, "请说明") for _ in range(3)]
    assert len({each.id for each in await asyncio.gather(*asks)}) == 1
    await asyncio.gather(*(agreed(house, living) for _ in range(3)))
    given = await house.stores.consents.all(living.tenant)
    kinds = [each.kind for each in given if each.withdrawn_at is None]
    assert kinds.count(ConsentKind.FACE_AT_DOOR) == 1
