"""What a person may know and ask: D2 and D5, equal to the audit log."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from cloud_sync.model import DeliveryState
from devices.model.tasks import TaskKind
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.model.rights import RequestKind
from enrolment.service.rights import ANSWERED_WITHIN, OPEN_MAX
from gateway.web.known import Known, known
from ledger.errors import Conflict
from ledger.rows import audit
from tests.system.world import LANDLORD, PERSON, World


async def noted(world: World, kind: str) -> int:
    query = select(audit.c.kind).where(audit.c.kind == kind)
    return len(await world.stores.book.read(lambda c: c.execute(query).all()))


async def test_d2_whoever_saw_the_register_is_on_record_before_he_saw_it(
    world: World, window
) -> None:
    lease = await world.registered(window)
    for purpose in ("inspection", "a letter of the station's"):
        shown = await world.rights.reveal(lease.house, "房东甲", purpose)
        assert shown[lease.id].number == PERSON.number
    data = await world.rights.data(lease)
    assert [each.purpose for each in data.disclosures] == [
        "inspection",
        "a letter of the station's",
    ]
    assert await noted(world, "disclosure") == len(data.disclosures)
    other = await world.registered(window, 1)
    assert not (await world.rights.data(other)).disclosures


async def test_d14_nothing_is_revealed_before_somebody_is_registered(
    world: World, window
) -> None:
    lease = await world.identified(window)
    assert not await world.rights.reveal(lease.house, "房东甲", "inspection")
    assert not (await world.rights.data(lease)).disclosures


async def test_d2_a_person_sees_everything_that_is_known_of_him(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    data = await world.rights.data(lease)
    assert data.person.number == PERSON.number
    assert [text for text, _ in data.notices] == ["n"]
    assert [each.withdrawn_at for each in data.consents] == [None]
    assert data.template
    lease = await world.enrolment.change_path(lease)
    data = await world.rights.data(lease)
    assert data.consents[0].withdrawn_at is not None
    assert not data.template
    assert (await world.rights.data(await world.bound(window, 1))).person is None


@pytest.mark.parametrize("kind", RequestKind)
async def test_d5_a_request_has_a_receipt_a_term_and_an_answer_with_its_reason(
    world: World, window, kind: RequestKind
) -> None:
    lease = await world.registered(window)
    asked = await world.rights.ask(lease, kind, "请更正我的姓名")
    assert asked.due - asked.at == ANSWERED_WITHIN <= timedelta(days=21)
    [task] = [
        each
        for each in await world.stores.tasks.of(LANDLORD)
        if each.kind is TaskKind.ANSWER_REQUEST
    ]
    assert (task.about, task.due) == (asked.id, asked.due)
    answered = await world.rights.answer(asked, "已经没有依据", granted=False)
    with pytest.raises(OutOfTurn):
        await world.rights.answer(answered, "again", granted=True)
    [found] = (await world.rights.data(lease)).requests
    assert (found.granted, found.answer) == (False, "已经没有依据")
    tasks = await world.stores.tasks.of(LANDLORD)
    assert TaskKind.ANSWER_REQUEST not in {each.kind for each in tasks}
    assert await noted(world, f"request/{kind.value}") == 1
    assert await noted(world, "answer/refused") == 1


async def test_what_was_asked_lies_sealed_and_goes_with_the_person(
    world: World, window
) -> None:
    lease = await world.registered(window)
    asked = await world.rights.ask(lease, RequestKind.EXPLAIN, "秘密的话")
    assert "秘密" not in repr(asked)
    raw = await world.stores.book.read(
        lambda c: c.exec_driver_sql("SELECT text FROM rights_request").scalar_one()
    )
    assert "秘密".encode() not in raw
    async with world.stores.book.page() as page:
        world.stores.people.erase(page, lease.tenant)
    raw = await world.stores.book.read(
        lambda c: c.exec_driver_sql("SELECT text FROM rights_request").scalar_one()
    )
    assert raw == b""


async def test_d14_who_never_registered_is_in_no_register_and_breaks_none(
    world: World, window
) -> None:
    invited, _ = await world.let(window)
    identified = await world.identified(window, room=1)
    for lease in (invited, identified):
        await world.moving_out.end(lease, lease.tenant)
    lease = await world.registered((window[0], window[1]), 0)
    held = await world.rights.registered(lease.house)
    assert [each.id for each in held] == [lease.id]
    shown = await world.rights.reveal(lease.house, "房东甲", "inspection")
    assert set(shown) == {lease.id}
    left = await world.stores.leases.find(invited.id)
    assert (await world.rights.data(left)).person is None


async def test_a_request_is_answered_once(world: World, window) -> None:
    lease = await world.registered(window)
    asked = await world.rights.ask(lease, RequestKind.DELETE, "请删除")
    outcomes = await asyncio.gather(
        world.rights.answer(asked, "好", granted=True),
        world.rights.answer(asked, "不", granted=False),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in outcomes) == 1


async def test_requests_are_bounded_and_end_with_the_person(
    world: World, window
) -> None:
    lease = await world.registered(window)
    for number in range(OPEN_MAX):
        await world.rights.ask(lease, RequestKind.EXPLAIN, f"请说明 {number}")
    with pytest.raises(OutOfTurn):
        await world.rights.ask(lease, RequestKind.EXPLAIN, "请说明")
    lease = await world.moving_out.end(lease, lease.tenant)
    for _ in range(2):
        await world.forwarding.forward_due()
    world.clock.move(timedelta(days=60))
    await world.moving_out.erase_due()
    tasks = await world.stores.tasks.of(LANDLORD)
    assert TaskKind.ANSWER_REQUEST not in {each.kind for each in tasks}


async def fields(world: World, lease: Lease) -> dict[str, Known]:
    told = {
        "lease": lease,
        "data": await world.rights.data(lease),
        "deliveries": await world.stores.deliveries.of(lease.tenant),
    }
    return {each.name: each for each in known(told)}


async def test_d2_every_field_says_where_from_since_when_why_and_who_was_told(
    world: World, window
) -> None:
    lease = await world.registered(window)
    before = await fields(world, lease)
    assert set(before) >= {"name", "document", "number", "birth", "sex", "label"}
    assert all(each.to == () for each in before.values())
    await world.forwarding.forward_due()
    await world.rights.reveal(lease.house, "房东甲", "inspection")
    after = await fields(world, lease)
    assert after["number"].to == ("police", "房东甲")
    assert after["birth"].to == ("police",)
    assert after["label"].to == ()
    assert after["birth"].source == "source/number"
    assert after["move_in"].source == "source/landlord"
    assert {each.basis for each in after.values()} == {"basis/duty"}
    registered = await world.stores.register.find(lease.registration, 1)
    assert {each.since for each in after.values()} == {registered.recorded_at}


async def test_d2_the_days_that_he_reads_are_those_that_were_reported(
    world: World, window
) -> None:
    lease = await world.registered(window)
    assert lease.starts < world.clock.now()
    world.clock.move(timedelta(days=3))
    left = await world.moving_out.end(lease, lease.tenant)
    for _ in range(2):
        await world.forwarding.forward_due()
    stay = world.registry.seen[-1].report["stay"]
    told = await fields(world, left)
    assert told["move_in"].value == stay["move_in"]
    assert told["move_out"].value == stay["moved_out"]
    assert "police" in told["move_out"].to


async def test_d6_whoever_was_granted_that_his_data_go_is_erased_once_no_duty_is_open(
    world: World, window
) -> None:
    lease = await world.registered(window)
    left = await world.moving_out.end(lease, lease.tenant)
    asked = await world.rights.ask(left, RequestKind.DELETE, "请删除")
    assert lease.id in await world.rights.reveal(lease.house, "房东甲", "a letter")
    await world.rights.answer(asked, "", granted=True)
    assert await world.rights.reveal(lease.house, "房东甲", "a letter") == {}
    await world.moving_out.erase_due()  # the departure is not reported yet
    assert (await world.stores.leases.find(lease.id)).stage is Stage.LEFT
    for _ in range(2):
        await world.forwarding.forward_due()
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED


async def test_d2_a_correction_dates_what_it_put_right_and_nothing_else(
    world: World, window
) -> None:
    lease = await world.registered(window)
    begun = world.clock.now()
    world.clock.move(timedelta(days=3))
    await world.correcting.propose(lease, replace(PERSON, name="租客乙"), "")
    [asked] = await world.stores.rights.requests(lease.id)
    await world.correcting.grant(asked, PERSON.number[-4:], LANDLORD)
    found = await fields(world, await world.stores.leases.find(lease.id))
    assert found["name"].since == world.clock.now()
    rest = {each.since for name, each in found.items() if name not in {"name", "latin"}}
    assert rest == {begun}


async def test_d2_what_he_reads_is_what_the_audit_chain_holds(
    world: World, window
) -> None:
    """One link of the chain for each time that somebody was told something."""
    lease = await world.registered(window)
    await world.forwarding.forward_due()
    for purpose in ("inspection", "another"):
        await world.rights.reveal(lease.house, "房东甲", purpose)
    data = await world.rights.data(lease)
    assert len(data.disclosures) == await noted(world, "disclosure") == 2
    delivered = await world.stores.deliveries.of(lease.tenant)
    accepted = [each for each in delivered if each.state is DeliveryState.ACCEPTED]
    assert len(accepted) == await noted(world, "receipt") == 1
