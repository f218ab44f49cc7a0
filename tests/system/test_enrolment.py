"""A tenant's way through the services, on a real ledger."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from stdnum.iso7064 import mod_11_2

from devices.model.keys import KeyState
from devices.model.tasks import TaskKind
from enrolment.model.consents import ConsentKind
from enrolment.model.documents import DocumentKind, Evidence, Fault, Person, Sex
from enrolment.model.errors import (
    ConsentMissing,
    NotTheOriginal,
    OutOfTurn,
)
from enrolment.model.faces import Comparison, FaceFault, FaceVerdict
from enrolment.model.leases import FacePath, Lease, Stage
from enrolment.rules.documents import CONSENTS_FROM
from enrolment.rules.standing import awaits_person
from enrolment.rules.terms import registers_within
from ledger.audit import Note
from ledger.errors import Conflict
from ledger.rows import audit
from tests.system.world import LANDLORD, PERSON, SAME, World


async def test_a_registration_is_one_page(world: World, window) -> None:
    lease = await world.identified(window)
    world.stores.book._writer._connection.exec_driver_sql(
        "CREATE TRIGGER broken BEFORE INSERT ON credential "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(Conflict):
        await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
    assert not await world.stores.register.after(0)
    assert world.stores.keys.key(lease.key).state is KeyState.PENDING
    world.stores.book._writer._connection.exec_driver_sql("DROP TRIGGER broken")
    await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
    assert len(await world.stores.register.after(0)) == 1
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE


async def test_a_double_tap_registers_once(world: World, window) -> None:
    lease = await world.identified(window)
    outcomes = await asyncio.gather(
        *(
            world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert len(await world.stores.register.after(0)) == 1


async def test_the_audit_chain_commits_to_the_account_that_confirmed(
    world: World, window
) -> None:
    lease = await world.registered(window)
    query = select(audit.c.commitment).where(audit.c.kind == "registration")
    found = await world.stores.book.read(lambda c: c.execute(query).scalar_one())
    salt = await world.stores.people.salt(lease.tenant)
    told = f"{lease.registration} 1".encode()
    assert found == Note("registration", told + b" account", salt).commitment
    assert found != Note("registration", told + b" another", salt).commitment


async def test_the_landlord_must_read_the_right_document(world: World, window) -> None:
    lease = await world.identified(window)
    with pytest.raises(NotTheOriginal):
        await world.enrolment.enrol(lease, [world.door], "9999", LANDLORD)
    assert not await world.stores.register.after(0)


async def test_f4_no_step_comes_before_the_notice(world: World, window) -> None:
    lease = await world.bound(window)
    with pytest.raises(OutOfTurn):
        await world.enrolment.choose(lease, FacePath.SCAN, "n")
    with pytest.raises(OutOfTurn):
        await world.enrolment.identify(lease, PERSON)
    with pytest.raises(OutOfTurn):
        await world.enrolment.scan(lease, b"live", b"document")


async def test_f3_no_face_is_looked_at_without_consent(world: World, window) -> None:
    lease = await world.identified(window, FacePath.PERSON)
    with pytest.raises(ConsentMissing):
        await world.enrolment.scan(lease, b"live", b"document")


async def test_f10_refusing_the_scan_costs_nothing(world: World, window) -> None:
    other = (window[0], window[1])
    scanned = await world.identified(window, FacePath.SCAN)
    match = await world.faces.match(b"", [])
    scanned = await world.enrolment.scanned(scanned, match, live=True, fits=True)
    await world.enrolment.send(scanned, [world.door])
    plain = await world.identified(other, FacePath.PERSON, room=1)
    await world.enrolment.enrol(plain, [world.door], "0016", LANDLORD)
    first, second = (world.stores.keys.key(each.key) for each in (scanned, plain))
    assert first.state is KeyState.ACTIVE
    assert (first.state, first.starts, first.ends) == (
        second.state,
        second.starts,
        second.ends,
    )
    assert await world.pin(await world.stores.leases.find(plain.id))


async def test_withdrawing_drops_the_template_at_once(world: World, window) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant) == SAME.template
    after = await world.enrolment.change_path(lease)
    assert await world.stores.consents.template(lease.tenant) is None
    assert awaits_person(after)
    with pytest.raises(ConsentMissing):
        await world.enrolment.scan(after, b"live", b"document")


async def test_another_face_is_refused_and_leaves_no_template(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    world.faces.answer = Comparison(0.1, template=b"other")
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert lease.face is FaceVerdict.DIFFERENT
    assert not awaits_person(lease)
    assert await world.stores.consents.template(lease.tenant) is None
    with pytest.raises(OutOfTurn):
        await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)


async def test_a_picture_that_cannot_be_used_changes_nothing(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    world.faces.answer = Comparison(fault=FaceFault.NO_FACE, at_fault="live")
    after, found = await world.enrolment.scan(lease, b"live", b"document")
    assert after == lease
    assert found.fault is FaceFault.NO_FACE


async def test_a_wrong_number_changes_nothing(world: World, window) -> None:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, FacePath.PERSON, "n")
    wrong = replace(PERSON, number="330522199003150017")
    after, found = await world.enrolment.identify(lease, wrong)
    assert not found
    assert after.stage is Stage.NOTICED


async def told_of(world: World, lease: Lease, years: int, guardian: str = ""):
    number = number_of(world, years)
    person = replace(PERSON, number=number, guardian=guardian)
    agreed = ("n",) if guardian and years < CONSENTS_FROM else ()
    return await world.enrolment.identify(lease, person, Evidence.TYPED, *agreed)


def number_of(world: World, years: int) -> str:
    """Return a number, nobody's, of somebody who is so old for half a year."""
    born = world.clock.now().date() - timedelta(days=years * 365.25 + 180)
    body = f"330522{born:%Y%m%d}001"
    return body + mod_11_2.calc_check_digit(body)


async def on_the_scan(world: World, window) -> Lease:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    return await world.enrolment.choose(lease, FacePath.SCAN, "n")


async def test_f5_a_childs_face_is_not_looked_at(world: World, window) -> None:
    lease, found = await told_of(world, await on_the_scan(world, window), 13, "租客丙")
    assert found
    assert lease.path is FacePath.PERSON
    with pytest.raises(ConsentMissing):
        await world.enrolment.scan(lease, b"live", b"document")
    with pytest.raises(ConsentMissing):
        await world.shown.take(lease, b"document")
    assert awaits_person(lease)


@pytest.mark.parametrize(
    ("birth", "fault"),
    [
        (None, Fault.NO_BIRTH),
        (date(1990, 3, 15), Fault.OTHER_BIRTH),
        (date(1980, 2, 29), None),
    ],
)
async def test_an_older_permanent_residents_birth_date_is_held_against_his_number(
    world: World, window, birth: date | None, fault: Fault | None
) -> None:
    before = await on_the_scan(world, window)
    kind = DocumentKind.PERMANENT_RESIDENT
    person = Person("租客丁", kind, "USA110080022912", birth)
    _, found = await world.enrolment.identify(before, person)
    assert found.fault is fault


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (DocumentKind.TW_PERMIT, "12345678"),
        (DocumentKind.HM_PERMIT, "H12345678"),
    ],
)
async def test_f5_where_a_number_tells_no_birth_date_it_is_asked_for(
    world: World, window, kind: DocumentKind, number: str
) -> None:
    before = await on_the_scan(world, window)
    person = Person("租客丁", kind, number)
    for birth, fault in (
        (None, Fault.NO_BIRTH),
        (date(2027, 1, 1), Fault.BORN_LATER),
        (date(2015, 1, 1), Fault.GUARDIAN),
        (date(1990, 3, 15), None),
    ):
        told = replace(person, birth=birth)
        _, found = await world.enrolment.identify(before, told)
        assert found.fault is fault


async def test_a_passports_name_is_reported_in_both_scripts(
    world: World, window
) -> None:
    before = await world.enrolment.read_notice(await world.bound(window), "n")
    before = await world.enrolment.choose(before, FacePath.PERSON, "n")
    born = date(1985, 3, 10)
    told = Person("租客丁", DocumentKind.PASSPORT, "12AB34567", born)
    _, found = await world.enrolment.identify(before, told)
    assert found.fault is Fault.NO_LATIN
    told = replace(told, latin="Zūke Dīng")
    lease, found = await world.enrolment.identify(before, told)
    assert found
    await world.enrolment.enrol(lease, [world.door], "4567", LANDLORD)
    await world.forwarding.forward_due()
    person = world.registry.seen[-1].report["person"]
    assert (person["name"], person["name_latin"]) == ("租客丁", "ZUKE DING")


@pytest.mark.parametrize(
    ("kind", "starts", "hours"),
    [
        (DocumentKind.PASSPORT, 0, 24),
        (DocumentKind.HM_PERMIT, -48, 24),  # moved in already: from now on
        (DocumentKind.PASSPORT, 10, 34),  # moves in in ten hours
        (DocumentKind.PASSPORT, 100, 72),
        (DocumentKind.RESIDENT_CARD, 0, 72),
    ],
)
def test_a_foreigner_is_registered_within_a_day_of_moving_in(
    kind: DocumentKind, starts: int, hours: int
) -> None:
    now = datetime(2026, 11, 22, 4, tzinfo=UTC)
    begun = now + timedelta(hours=starts)
    names = [f"{n}" for n in range(6)]
    lease = Lease(*names, starts=begun, ends=begun + timedelta(days=90))
    assert registers_within(kind, lease, now) == timedelta(hours=hours)


@pytest.mark.parametrize("path", [FacePath.PERSON, FacePath.SCAN, FacePath.STATE])
async def test_a_foreigners_registration_is_due_the_same_day_and_stays_so(
    world: World, window, path: FacePath
) -> None:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, path, "n")
    told = Person("DOE JOHN", DocumentKind.PASSPORT, "123456789", date(1982, 2, 9))
    lease, _ = await world.enrolment.identify(lease, told)
    due = world.clock.now() + timedelta(hours=24)
    for _ in range(3):
        [task] = await world.stores.tasks.of(LANDLORD)
        assert task.due == due
        world.clock.move(timedelta(hours=10))
        lease, _ = await world.enrolment.identify(lease, told)
    await world.enrolment.change_path(lease)
    [task] = await world.stores.tasks.of(LANDLORD)
    assert (task.kind, task.due) == (TaskKind.CONFIRM_PERSON, due)


@pytest.mark.parametrize("years", [3, 13])
async def test_f5_below_fourteen_a_guardian_consents(
    world: World, window, years: int
) -> None:
    before = await on_the_scan(world, window)
    child = replace(PERSON, number=number_of(world, years), guardian="租客丙")
    lease, found = await world.enrolment.identify(before, child)
    assert found.fault is Fault.GUARDIAN_CONSENT
    assert lease == before
    lease, found = await world.enrolment.identify(before, child, Evidence.TYPED, "n")
    assert found
    given = await world.stores.consents.given(lease.tenant, ConsentKind.GUARDIAN)
    assert given.notice == "n"
    scan = await world.stores.consents.given(lease.tenant, ConsentKind.FACE_SCAN)
    assert scan is None


async def test_f5_no_child_is_registered_whose_guardian_does_not_consent(
    world: World, window
) -> None:
    lease, _ = await told_of(world, await on_the_scan(world, window), 10, "租客丙")
    lease = await world.enrolment.change_path(lease)
    kind, consents = ConsentKind.GUARDIAN, world.stores.consents
    assert await consents.given(lease.tenant, kind)  # it is not one to a face
    last_four = (await world.stores.leases.claimed(lease)).number[-4:]
    async with world.stores.book.page() as page:
        consents.withdraw(page, lease.tenant, world.clock.now())
    with pytest.raises(OutOfTurn):
        await world.enrolment.enrol(lease, [world.door], last_four, LANDLORD)


@pytest.mark.parametrize("years", [3, 13, 15])
async def test_f5_below_sixteen_a_guardian_declares(
    world: World, window, years: int
) -> None:
    before = await on_the_scan(world, window)
    lease, found = await told_of(world, before, years)
    assert found.fault is Fault.GUARDIAN
    assert lease == before
    lease, found = await told_of(world, before, years, "租客丙")
    assert found
    assert (await world.stores.leases.claimed(lease)).guardian == "租客丙"
    assert lease.path is FacePath.PERSON
    scan = await world.stores.consents.given(lease.tenant, ConsentKind.FACE_SCAN)
    assert scan is None


async def test_from_sixteen_on_everybody_declares_himself(world: World, window) -> None:
    lease, found = await told_of(world, await on_the_scan(world, window), 16)
    assert found
    assert lease.path is FacePath.SCAN


async def test_another_document_is_not_of_the_sex_that_the_first_one_said(
    world: World, window
) -> None:
    lease = await world.identified(window)
    passport = replace(
        PERSON,
        kind=DocumentKind.PASSPORT,
        number="X1234567",
        birth=date(1990, 3, 15),
        latin="ZUKE JIA",
    )
    lease, found = await world.enrolment.identify(lease, passport)
    assert found
    assert (await world.stores.leases.claimed(lease)).sex is Sex.UNKNOWN
    lease, _ = await world.enrolment.identify(lease, replace(passport, sex=Sex.FEMALE))
    lease, _ = await world.enrolment.identify(lease, passport)
    assert (await world.stores.leases.claimed(lease)).sex is Sex.FEMALE


async def test_every_consent_has_its_notice_beside_it(world: World, window) -> None:
    """Also where the box was given another one since this was taken note of."""
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, FacePath.SCAN, "newer")
    given = await world.stores.consents.given(lease.tenant, ConsentKind.FACE_SCAN)
    shown = [text for text, _ in await world.stores.consents.notices(lease.tenant)]
    assert given.notice == "newer"
    assert shown == ["n", "newer"]


async def test_f5_a_scan_that_was_made_for_a_child_is_gone(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant)
    lease, _ = await told_of(world, lease, 13, "租客丙")
    assert await world.stores.consents.template(lease.tenant) is None
    assert (
        await world.stores.consents.given(lease.tenant, ConsentKind.FACE_SCAN) is None
    )
