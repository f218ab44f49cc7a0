"""A resident who wants the look at the door later than at his registration."""

from dataclasses import replace
from datetime import timedelta

import pytest

from enrolment.model.consents import ConsentKind
from enrolment.model.documents import Evidence
from enrolment.model.errors import (
    ConsentMissing,
    FaceOff,
    NothingToAsk,
    OutOfTurn,
    WaitLonger,
)
from enrolment.model.faces import ChallengeKind, Flaw, Related, ScanState
from enrolment.model.leases import FacePath, Lease
from enrolment.rules.liveness import TRIES
from tests.system.scans import chosen, scanned
from tests.system.test_door_faces import CARD, PRESENT, RELEASED, looked
from tests.system.test_enrolment import number_of
from tests.system.world import LANDLORD, PERSON, SAME, World

AT_DOOR = ConsentKind.FACE_AT_DOOR


@pytest.fixture
async def living(house: World, window) -> Lease:
    """Somebody who was never scanned, lives there, and has a card."""
    lease = await house.registered(window)
    await house.building.offer_look(house.door, offered=True)
    house.door = await house.stores.houses.door(house.door.id)
    await house.ekeys.add_card(house.stores.keys.key(lease.key), CARD)
    house.cameras.shows = {house.door.id: PRESENT}
    house.driver.told.clear()
    return lease


async def agreed(house: World, lease: Lease) -> Lease:
    await house.opting_in.agree(lease, "notice")
    return lease


async def test_a_resident_agrees_is_scanned_and_then_looked_at(
    house: World, living: Lease
) -> None:
    lease = await agreed(house, living)
    assert await house.opting_in.waits(lease)
    lease, told = await scanned(house, lease)
    assert told.state is ScanState.PASSED
    assert lease == living
    assert await house.stores.consents.template(lease.tenant) == SAME.template
    assert not await house.opting_in.waits(lease)
    await house.access.present(house.door, await house.pin(lease))
    assert RELEASED not in house.driver.told
    await looked(house)
    assert RELEASED in house.driver.told


async def test_f3_no_face_is_looked_at_before_he_agrees(
    house: World, living: Lease
) -> None:
    with pytest.raises(ConsentMissing):
        await house.scanning.begin(living, ())
    await agreed(house, living)
    begun = await house.scanning.begin(living, ())
    await house.enrolment.change_path(living)
    lease = await house.stores.leases.find(living.id)
    with pytest.raises(ConsentMissing):
        await house.scanning.take(lease, begun.nonce, [(0.2, b"ahead")])
    assert lease.id not in house.scanning._tries


async def test_whoever_withdraws_while_he_is_compared_leaves_no_template(
    house: World, living: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await agreed(house, living)
    match = house.faces.match

    async def withdrawn(*told, **more):
        await house.enrolment.change_path(await house.stores.leases.find(living.id))
        return await match(*told, **more)

    monkeypatch.setattr(house.faces, "match", withdrawn, raising=False)
    with pytest.raises(ConsentMissing):
        await scanned(house, lease)
    assert await house.stores.consents.template(lease.tenant) is None
    assert await house.stores.consents.given(lease.tenant, AT_DOOR) is None


async def test_a_landlords_phone_takes_no_template(house: World, living: Lease) -> None:
    """Whoever has no phone was handed his landlord's: its face may be anybody's."""
    link = await house.stores.invitations.of(living.id)
    async with house.stores.book.page() as page:
        handed = replace(link, code="", bound=True)
        house.stores.invitations.put(page, handed)
    assert not await house.opting_in.offered(living)
    with pytest.raises(OutOfTurn):
        await house.opting_in.agree(living, "notice")


async def test_f6_nobody_is_scanned_after_his_lease_is_over(
    house: World, living: Lease
) -> None:
    lease = await agreed(house, living)
    house.clock.at = lease.ends
    with pytest.raises(ConsentMissing):
        await house.scanning.begin(lease, ())


async def test_f3_what_was_seen_for_something_else_makes_no_template(
    house: World, window
) -> None:
    """A try that began for the enrolment does not end as one for the door."""
    await house.building.offer_look(house.door, offered=True)
    house.door = await house.stores.houses.door(house.door.id)
    house.cameras.shows = {house.door.id: PRESENT}
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, ())
    await house.scanning.take(lease, begun.nonce, [(0.2, b"ahead")])
    lease = await house.enrolment.change_path(lease)
    await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)
    lease = await house.stores.leases.find(lease.id)
    await agreed(house, lease)
    with pytest.raises(OutOfTurn):
        await house.scanning.take(lease, begun.nonce, [(0.4, b"ahead")])
    assert not house.scanning._tries


async def test_whoever_was_never_scanned_waits_for_no_look(
    house: World, living: Lease
) -> None:
    lease = await agreed(house, living)
    await house.door_faces.refresh()
    await house.access.present(house.door, await house.pin(lease))
    assert RELEASED in house.driver.told


async def test_it_is_offered_where_the_landlord_offers_it_and_it_may_be(
    house: World, living: Lease
) -> None:
    assert await house.opting_in.offered(living)
    await agreed(house, living)
    switch = house.door_faces.switch
    told = replace(switch.read(), features=frozenset({"face_scan"}))
    house.door_faces.switch = replace(switch, read=lambda: told)
    assert not await house.opting_in.offered(living)
    with pytest.raises(FaceOff):
        await house.scanning.begin(living, ())


async def test_nobody_is_asked_where_no_door_has_a_look(house: World, window) -> None:
    lease = await house.registered(window)
    assert not await house.opting_in.offered(lease)
    with pytest.raises(OutOfTurn):
        await house.opting_in.agree(lease, "notice")


async def test_f5_a_childs_face_is_not_looked_at_at_the_door(
    house: World, window
) -> None:
    await house.building.offer_look(house.door, offered=True)
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.PERSON, "n")
    number = number_of(house, 12)
    child = replace(PERSON, number=number, guardian="家长甲")
    lease, _ = await house.enrolment.identify(lease, child, Evidence.TYPED, "n")
    await house.enrolment.enrol(lease, [house.door], number[-4:], LANDLORD)
    lease = await house.stores.leases.find(lease.id)
    assert not await house.opting_in.offered(lease)


async def test_a_film_that_fails_leaves_the_pin_as_it_was_and_waits_grow(
    house: World, living: Lease
) -> None:
    lease = await agreed(house, living)
    house.faces.related = Related(0.0, 0.3, 0.7)
    for _ in range(TRIES + 2):
        lease, told = await scanned(house, lease)
        assert told.flaw is Flaw.LOOP
        house.clock.move(timedelta(minutes=4))
    assert await house.stores.consents.template(lease.tenant) is None
    lease, _ = await scanned(house, lease)
    with pytest.raises(WaitLonger):  # and never an end: nobody looks instead
        await house.scanning.begin(lease, ())
    await house.access.present(house.door, await house.pin(lease))
    assert RELEASED in house.driver.told


async def test_f13_whoever_can_do_none_of_it_keeps_his_pin(
    house: World, living: Lease
) -> None:
    lease = await agreed(house, living)
    with pytest.raises(NothingToAsk):
        await house.scanning.begin(lease, list(ChallengeKind))
