"""What is registered wrongly is put right, reported once, and kept through leaving."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from stdnum.iso7064 import mod_11_2

from cloud_sync.model import Answer, DeliveryState, Outcome, Settled
from devices.model.tasks import TaskKind
from enrolment.model.consents import Consent, ConsentKind
from enrolment.model.documents import DocumentKind, Evidence, Fault, Person, Sex
from enrolment.model.errors import NotTheOriginal, OutOfTurn
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.model.register import RegistrationKind
from enrolment.model.rights import Basis, RightsRequest
from enrolment.rules.fields import changed
from ledger.errors import Conflict
from tests.system.test_rights import fields, noted
from tests.system.world import LANDLORD, PERSON, World

RIGHT = Person("租客乙", DocumentKind.RESIDENT_CARD, "341221198511070026")


async def asked(world: World, lease: Lease, person: Person = RIGHT) -> RightsRequest:
    assert await world.correcting.propose(lease, person, "")
    return (await world.stores.rights.requests(lease.id))[-1]


async def looked_at(world: World, window) -> Lease:
    """Register somebody whose template is kept for the look at the door."""
    lease = await world.registered(window)
    async with world.stores.book.page() as page:
        given = Consent(lease.tenant, ConsentKind.FACE_AT_DOOR, "n", world.clock.now())
        world.stores.consents.give(page, given)
        kept = (ConsentKind.FACE_AT_DOOR, b"\x01" * 512)
        await world.stores.consents.keep(page, lease.tenant, *kept)
    return lease


async def reported(world: World) -> list[tuple[str, int, str]]:
    """Have everything sent; return what the registry saw of each report."""
    for _ in range(3):
        await world.forwarding.forward_due()
    seen = [each.report for each in world.registry.seen]
    return [(each["kind"], each["version"], each["person"]["name"]) for each in seen]


async def test_d5_a_correction_is_reported_once_the_original_was_compared(
    world: World, window
) -> None:
    lease = await world.registered(window)
    request = await asked(world, lease)
    assert await reported(world) == [("arrival", 1, PERSON.name)]
    with pytest.raises(NotTheOriginal):
        await world.correcting.grant(request, "9999", LANDLORD)
    assert (await world.stores.leases.claimed(lease)).name == PERSON.name
    granted = await world.correcting.grant(request, "0026", LANDLORD)
    assert granted.evidence is Evidence.SEEN_BY_PERSON
    assert await reported(world) == [
        ("arrival", 1, PERSON.name),
        ("correction", 2, RIGHT.name),
    ]
    [found] = await world.stores.rights.requests(lease.id)
    assert found.granted
    claimed = await world.stores.leases.claimed(lease)
    assert (claimed.number, claimed.birth) == (RIGHT.number, date(1985, 11, 7))
    assert await world.stores.tasks.of(LANDLORD) == []
    assert await noted(world, "correction") == 1


async def test_who_leaves_after_a_correction_leaves_as_whom_he_is(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.correcting.grant(await asked(world, lease), "0026", LANDLORD)
    lease = await world.stores.leases.find(lease.id)
    await world.moving_out.end(lease, lease.tenant)
    assert (await reported(world))[-1] == ("departure", 3, RIGHT.name)
    latest = await world.stores.register.latest(lease.registration)
    assert latest.kind is RegistrationKind.DEPARTURE


async def test_a_correction_goes_in_place_of_what_was_rejected(
    world: World, window
) -> None:
    lease = await world.registered(window)
    world.registry.answers = [lambda _: Answer(Outcome.REJECTED, "person.name")]
    assert len(await reported(world)) == 1
    await world.correcting.grant(await asked(world, lease), "0026", LANDLORD)
    assert (await reported(world))[-1] == ("correction", 2, RIGHT.name)
    states = [each.state for each in await world.stores.deliveries.of(lease.tenant)]
    assert states == [DeliveryState.SUPERSEDED, DeliveryState.ACCEPTED]
    kinds = {each.kind for each in await world.stores.tasks.of(LANDLORD)}
    assert TaskKind.MEND_REPORT not in kinds
    assert not await world.stores.deliveries.open(lease.tenant, 2)


async def test_a_bad_number_asks_nothing_and_what_is_right_needs_no_correction(
    world: World, window
) -> None:
    lease = await world.registered(window)
    wrong = replace(RIGHT, number=RIGHT.number[:-1] + "7")
    assert (await world.correcting.propose(lease, wrong, "")).fault is Fault.BAD_CHECK
    with pytest.raises(OutOfTurn):
        await world.correcting.propose(lease, PERSON, "")
    assert not await world.stores.rights.requests(lease.id)


async def test_a_rejection_that_comes_after_the_correction_holds_nothing_back(
    world: World, window
) -> None:
    lease = await world.registered(window)
    world.registry.answers = [lambda _: Answer(Outcome.UNKNOWN, "time-out")]
    await world.forwarding.forward_due()
    await world.correcting.grant(await asked(world, lease), "0026", LANDLORD)
    await world.forwarding.forward_due()  # the correction waits for its first version
    world.clock.move(timedelta(minutes=10))
    world.registry.answers = [lambda _: Answer(Outcome.REJECTED, "person.name")]
    assert (await reported(world))[-1] == ("correction", 2, RIGHT.name)
    [first, second] = await world.stores.deliveries.of(lease.tenant)
    assert (first.state, second.state) == (
        DeliveryState.SUPERSEDED,
        DeliveryState.ACCEPTED,
    )
    with pytest.raises(Settled):
        await world.forwarding.retry(first)


async def test_f5_who_turns_out_to_be_a_child_has_a_guardian_and_no_template(
    world: World, window
) -> None:
    lease = await looked_at(world, window)
    body = "33052220150315001"
    child = replace(RIGHT, number=body + mod_11_2.calc_check_digit(body))
    told = await world.correcting.propose(lease, child, "")
    assert told.fault is Fault.GUARDIAN
    child = replace(child, guardian="租客丙")
    told = await world.correcting.propose(lease, child, "")
    assert told.fault is Fault.GUARDIAN_CONSENT
    assert await world.correcting.propose(lease, child, "n")
    assert await world.stores.consents.template(lease.tenant)  # nothing is proved yet
    [request] = await world.stores.rights.requests(lease.id)
    assert ("guardian", "租客丙") in changed(PERSON, request.proposed)
    await world.correcting.grant(request, child.number[-4:], LANDLORD)
    consents = world.stores.consents
    assert await consents.template(lease.tenant) is None
    assert await consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR) is None
    assert await consents.given(lease.tenant, ConsentKind.GUARDIAN)


async def test_f5_who_turns_out_to_be_fifteen_is_not_looked_at_either(
    world: World, window
) -> None:
    lease = await looked_at(world, window)
    body = "33052220110315001"
    number = body + mod_11_2.calc_check_digit(body)
    young = replace(RIGHT, number=number, guardian="租客丙")
    await world.correcting.grant(
        await asked(world, lease, young), number[-4:], LANDLORD
    )
    consents = world.stores.consents
    assert await consents.template(lease.tenant) is None
    assert await consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR) is None


async def test_what_no_form_asks_stays_as_it_was(world: World, window) -> None:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, FacePath.PERSON, "n")
    born = date(1985, 3, 10)
    told = Person("Dupont Marie", DocumentKind.PASSPORT, "12AB34567", born, Sex.FEMALE)
    lease, _ = await world.enrolment.identify(lease, told)
    lease, _ = await world.enrolment.identify(lease, replace(told, sex=Sex.UNKNOWN))
    await world.enrolment.enrol(lease, [world.door], "4567", LANDLORD)
    lease = await world.stores.leases.find(lease.id)
    other = replace(told, name="Dupond Marie", number="12AB34568", sex=Sex.UNKNOWN)
    corrected = await world.correcting.grant(
        await asked(world, lease, other), "4568", LANDLORD
    )
    assert (corrected.person.sex, corrected.person.latin) == (
        Sex.FEMALE,
        "DUPOND MARIE",
    )


async def test_who_is_not_registered_or_was_answered_is_not_corrected(
    world: World, window
) -> None:
    identified = await world.identified(window, room=1)
    with pytest.raises(OutOfTurn):
        await world.correcting.propose(identified, RIGHT, "")
    lease = await world.registered(window)
    first = await asked(world, lease)
    second = await asked(world, lease, replace(RIGHT, name="租客丙"))
    with pytest.raises(OutOfTurn):  # not by words alone
        await world.rights.answer(first, "好", granted=True)
    await world.rights.answer(first, "没有原件", granted=False)
    first = await world.stores.rights.find(first.id)
    with pytest.raises(OutOfTurn):
        await world.correcting.grant(first, "0026", LANDLORD)
    left = await world.moving_out.end(identified, identified.tenant)
    with pytest.raises(OutOfTurn):  # the register never named him
        await world.correcting.propose(left, RIGHT, "")
    assert (await world.stores.rights.find(second.id)).answered_at is None


async def test_who_has_left_is_corrected_and_does_not_come_back(
    world: World, window
) -> None:
    lease = await world.registered(window)
    world.registry.answers = [lambda _: Answer(Outcome.REJECTED, "person.name")]
    await world.forwarding.forward_due()
    request = await asked(world, lease)
    left = await world.moving_out.end(lease, lease.tenant)
    corrected = await world.correcting.grant(request, "0026", LANDLORD)
    assert (corrected.version, corrected.moved_out) == (3, left.left_at)
    assert await reported(world) == [
        ("arrival", 1, PERSON.name),
        ("departure", 2, PERSON.name),
        ("correction", 3, RIGHT.name),
    ]
    assert (await world.stores.leases.find(lease.id)).stage is Stage.LEFT
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()  # nothing is owed any more
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED


async def test_of_two_proposals_at_once_one_is_asked(world: World, window) -> None:
    lease = await world.registered(window)
    propose = world.correcting.propose
    found = await asyncio.gather(*(propose(lease, RIGHT, "") for _ in range(3)))
    assert all(found)
    assert len(await world.stores.rights.requests(lease.id)) == 1


async def test_d2_what_the_landlord_compares_is_on_the_tenants_record(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await asked(world, lease, replace(RIGHT, name=PERSON.name))
    [told] = (await world.rights.data(lease)).disclosures
    landlord = (await world.stores.houses.house(lease.house)).landlord.name
    assert (told.to, told.basis) == (landlord, Basis.CORRECTION)
    assert told.fields == "number, birth, sex"
    assert await noted(world, "disclosure") == 1
    seen = {name: field.to for name, field in (await fields(world, lease)).items()}
    assert seen["birth"] == (landlord,)
    assert seen["name"] == ()


async def test_of_two_grants_at_once_one_is_reported(world: World, window) -> None:
    lease = await world.registered(window)
    request = await asked(world, lease)
    outcomes = await asyncio.gather(
        *(world.correcting.grant(request, "0026", LANDLORD) for _ in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in outcomes) == 1
    assert len(await reported(world)) == 2


async def test_what_is_proposed_lies_sealed_and_goes_with_the_person(
    world: World, window
) -> None:
    lease = await world.registered(window)
    request = await asked(world, lease)
    assert request.proposed.number == RIGHT.number
    assert RIGHT.number not in repr(request)

    async def raw() -> bytes | None:
        query = "SELECT proposed FROM rights_request"
        book = world.stores.book
        return await book.read(lambda c: c.exec_driver_sql(query).scalar_one())

    assert RIGHT.number.encode() not in await raw()
    async with world.stores.book.page() as page:
        world.stores.people.erase(page, lease.tenant)
    assert await raw() is None
