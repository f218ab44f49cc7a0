"""A face scan through the services: asked, measured, judged, sent."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from devices.model.keys import KeyState
from devices.model.tasks import TaskKind
from enrolment.adapters.assessments import assessments
from enrolment.model.documents import Evidence
from enrolment.model.errors import (
    ConsentMissing,
    FaceEngineDown,
    FaceOff,
    NotTheOriginal,
    OutOfTurn,
    TriesSpent,
)
from enrolment.model.faces import (
    Challenge,
    ChallengeKind,
    Comparison,
    FaceVerdict,
    Flaw,
    Related,
    ScanState,
)
from enrolment.model.leases import FacePath, Stage
from enrolment.rules.standing import awaits_person, may_send
from ledger.errors import Conflict
from tests.system.scans import chosen, scanned
from tests.system.world import ASSESSED, LANDLORD, PERSON, SAME, World


async def test_whoever_was_there_and_is_the_same_sends_it_himself(
    house: World, window
) -> None:
    lease, told = await scanned(house, await chosen(house, window))
    assert told.state is ScanState.PASSED
    assert (lease.face, lease.live) == (FaceVerdict.SAME, True)
    assert may_send(lease)
    assert not awaits_person(lease)
    tasks = await house.stores.tasks.of(LANDLORD)
    about = {task.kind for task in tasks if task.about == lease.id}
    assert about == {TaskKind.SEE_REGISTERED}
    registration = await house.enrolment.send(lease, [house.door])
    tasks = await house.stores.tasks.of(LANDLORD)
    assert lease.id not in {task.about for task in tasks}
    assert registration.evidence is Evidence.PICTURE
    assert house.stores.keys.key(lease.key).state is KeyState.ACTIVE
    with pytest.raises(OutOfTurn):
        await house.enrolment.send(
            await house.stores.leases.find(lease.id), [house.door]
        )


async def test_a_double_tap_sends_once(house: World, window) -> None:
    lease, _ = await scanned(house, await chosen(house, window))
    outcomes = await asyncio.gather(
        *(house.enrolment.send(lease, [house.door]) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert len(await house.stores.register.after(0)) == 1


async def test_d11_in_doubt_a_person_decides(house: World, window) -> None:
    house.faces.answer = Comparison(0.41, template=SAME.template)
    lease, told = await scanned(house, await chosen(house, window))
    assert told.state is ScanState.PASSED
    assert lease.face is FaceVerdict.DOUBT
    assert awaits_person(lease)
    with pytest.raises(OutOfTurn):
        await house.enrolment.send(lease, [house.door])
    registration = await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)
    assert registration.evidence is Evidence.SEEN_BY_PERSON


async def test_d11_a_mismatch_takes_no_right_and_a_person_may_still_look(
    house: World, window
) -> None:
    house.faces.answer = Comparison(0.1, template=SAME.template)
    lease, _ = await scanned(house, await chosen(house, window))
    assert lease.face is FaceVerdict.DIFFERENT
    assert await house.stores.consents.template(lease.tenant) is None
    assert not may_send(lease)
    lease = await house.enrolment.change_path(lease)
    assert await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)


@pytest.mark.parametrize("kind", ChallengeKind)
async def test_f13_each_kind_declined_in_turn_still_enrols(
    house: World, window, kind: ChallengeKind
) -> None:
    lease, told = await scanned(house, await chosen(house, window), [kind])
    assert told.state is ScanState.PASSED
    assert await house.enrolment.send(lease, [house.door])


async def test_a_box_that_sees_no_eyes_never_asks_to_shut_them(
    house: World, window
) -> None:
    house.faces.eyes = False
    rest = [each for each in ChallengeKind if each is not ChallengeKind.BLINK]
    lease, told = await scanned(house, await chosen(house, window), rest[:-2])
    assert told.state is ScanState.PASSED
    assert may_send(lease)
    lease = await chosen(house, window, room=1)
    with pytest.raises(TriesSpent):
        await house.scanning.begin(lease, rest)


@pytest.mark.parametrize("kind", ChallengeKind)
async def test_whoever_shows_one_kind_of_movement_is_looked_at_by_a_person(
    house: World, window, kind: ChallengeKind
) -> None:
    rest = [each for each in ChallengeKind if each is not kind]
    lease, told = await scanned(house, await chosen(house, window), rest)
    assert told.state is ScanState.PASSED
    assert not may_send(lease)
    assert awaits_person(lease)
    assert await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)


async def test_f13_whoever_can_do_none_of_it_has_a_person_look(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    with pytest.raises(TriesSpent):
        await house.scanning.begin(lease, list(ChallengeKind))
    lease = await house.enrolment.change_path(lease)
    assert await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)


OPPOSITE = {
    Challenge.TURN_LEFT: Challenge.TURN_RIGHT,
    Challenge.TURN_RIGHT: Challenge.TURN_LEFT,
    Challenge.LOOK_UP: Challenge.LOOK_DOWN,
    Challenge.LOOK_DOWN: Challenge.LOOK_UP,
    Challenge.COME_CLOSER: Challenge.TURN_LEFT,
    Challenge.GO_BACK: Challenge.TURN_LEFT,
    Challenge.CLOSE_EYES: Challenge.TURN_LEFT,
}


async def test_whoever_does_something_else_is_not_passed(house: World, window) -> None:
    lease = await chosen(house, window)
    lease, told = await scanned(house, lease, (), OPPOSITE.get)
    assert told.state is ScanState.UNDER_WAY
    assert told.step == 0


@pytest.mark.parametrize(
    ("related", "live", "flaw"),
    [
        (Related(0.0, 0.3, 0.7), 0.99, Flaw.LOOP),
        (Related(0.0, 0.0, 1.0), 0.99, Flaw.STILL),
        (Related(0.2, 0.3, 0.1), 0.99, Flaw.OTHER_FACE),
        (Related(0.2, 0.3, 0.7), 0.01, Flaw.NOT_LIVE),
    ],
)
async def test_a_refused_scan_says_why_and_keeps_nothing(
    house: World, window, related: Related, live: float, flaw: Flaw
) -> None:
    lease = await chosen(house, window)
    house.faces.related = related
    for name, seen in list(house.faces.shows.items()):
        house.faces.shows[name] = replace(seen, live={"fake": live})
    lease, told = await scanned(house, lease)
    assert (told.state, told.flaw) == (ScanState.REFUSED, flaw)
    assert (lease.face, lease.live) == (None, False)
    assert await house.stores.consents.template(lease.tenant) is None
    assert lease.id not in house.scanning._tries


async def test_f4_no_frame_is_taken_before_its_step(house: World, window) -> None:
    lease = await house.identified(window, FacePath.SCAN)
    with pytest.raises(OutOfTurn):  # without the document
        await house.scanning.begin(lease, [])
    plain = await house.identified(window, FacePath.PERSON, 1)
    for act in (
        house.shown.take(plain, b"document"),
        house.scanning.begin(plain, []),
        house.scanning.take(plain, "n", [(0.1, b"ahead")]),
    ):
        with pytest.raises(ConsentMissing):
            await act


async def test_f7_without_an_assessment_no_face_is_looked_at(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    switch = house.enrolment.switch
    object.__setattr__(switch, "read", lambda: None)
    for act in (
        house.shown.take(lease, b"document"),
        house.scanning.begin(lease, []),
        house.enrolment.scan(lease, b"live", b"document"),
    ):
        with pytest.raises(FaceOff):
            await act
    other = await house.enrolment.read_notice(await house.bound(window, 1), "n")
    with pytest.raises(FaceOff):
        await house.enrolment.choose(other, FacePath.SCAN, "n")
    other = await house.enrolment.choose(other, FacePath.PERSON, "n")
    assert other.stage is Stage.NOTICED


async def test_f7_each_assessment_under_which_somebody_agreed_is_kept_as_it_stood(
    house: World, window
) -> None:
    begun, switch = house.clock.now(), house.enrolment.switch
    first = replace(ASSESSED, hash="one", text="made = 2026-11-01")
    for told, room in ((first, 0), (replace(first, hash="two", text="other"), 1)):
        object.__setattr__(switch, "read", lambda told=told: told)
        lease = await house.enrolment.read_notice(await house.bound(window, room), "n")
        lease = await house.enrolment.choose(lease, FacePath.PERSON, "n")
        assert len(await house.stores.book.read(assessments)) == room  # nobody agreed
        await house.enrolment.choose(lease, FacePath.SCAN, "n")
        house.clock.move(timedelta(days=60))
    one, two = await house.stores.book.read(assessments)
    assert (one.hash, one.first, one.text) == ("one", begun, "made = 2026-11-01")
    assert two.first - one.first == timedelta(days=60)
    kinds = await house.stores.book.read(
        lambda c: [row[0] for row in c.exec_driver_sql("SELECT kind FROM audit").all()]
    )
    assert kinds.count("assessment") == len([one, two])


async def test_f7_without_a_liveness_network_no_face_is_looked_at(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    house.faces.liveness = ()
    with pytest.raises(FaceOff, match="no_liveness"):
        await house.scanning.begin(lease, [])


async def test_an_engine_that_fails_passes_nobody(house: World, window) -> None:
    lease = await chosen(house, window)

    async def down(*_: object) -> None:
        raise FaceEngineDown("gone")

    house.faces.relate = down
    with pytest.raises(FaceEngineDown):
        await scanned(house, lease)
    assert (await house.stores.leases.find(lease.id)).face is None


async def test_what_the_chip_said_and_the_face_showed_is_chip(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    person = await house.stores.leases.claimed(lease)
    lease, _ = await house.enrolment.identify(lease, person, Evidence.CHIP)
    assert lease.evidence is Evidence.CHIP
    assert await house.shown.take(lease, b"document") is None
    lease, _ = await scanned(house, lease)
    registration = await house.enrolment.send(lease, [house.door])
    assert registration.evidence is Evidence.CHIP


async def test_a_number_corrected_after_the_scan_is_scanned_anew(
    house: World, window
) -> None:
    lease, _ = await scanned(house, await chosen(house, window))
    person = await house.stores.leases.claimed(lease)
    lease, _ = await house.enrolment.identify(lease, person)
    assert (lease.face, lease.live) == (None, False)
    with pytest.raises(OutOfTurn):
        await house.enrolment.send(lease, [house.door])


async def test_a_document_that_says_another_number_is_looked_at_by_a_person(
    house: World, window
) -> None:
    lease = await house.identified(window, FacePath.SCAN)
    house.reader.lines = ["341221198511070026", PERSON.number[:-1], "330522"]
    await house.shown.take(lease, b"document")
    lease, told = await scanned(house, lease)
    assert told.state is ScanState.PASSED
    assert (lease.face, lease.live, lease.fits) == (FaceVerdict.SAME, True, False)
    assert awaits_person(lease)
    with pytest.raises(OutOfTurn):
        await house.enrolment.send(lease, [house.door])


OTHER = replace(PERSON, number="341221198511070026")


async def test_whoever_was_looked_at_is_who_is_registered(house: World, window) -> None:
    lease = await house.identified(window)
    await house.enrolment.identify(lease, OTHER)  # while the landlord reads
    with pytest.raises((Conflict, NotTheOriginal)):
        await house.enrolment.enrol(lease, [house.door], "0016", LANDLORD)
    with pytest.raises(Conflict):
        await house.enrolment.enrol(lease, [house.door], "0026", LANDLORD)
    assert not await house.stores.register.after(0)


async def test_whoever_was_scanned_is_who_is_registered(house: World, window) -> None:
    lease, _ = await scanned(house, await chosen(house, window))
    await house.enrolment.identify(lease, OTHER)
    with pytest.raises(Conflict):
        await house.enrolment.send(lease, [house.door])
    assert not await house.stores.register.after(0)


async def test_a_claim_changed_in_mid_scan_is_not_the_scanned_one(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    other, _ = await house.enrolment.identify(lease, OTHER)
    match = await house.faces.match(b"", [])
    with pytest.raises(Conflict):
        await house.enrolment.scanned(lease, match, live=True, fits=True)
    assert await house.stores.consents.template(lease.tenant) is None
    other, told = await scanned(house, other)
    assert told.state is ScanState.PASSED
    assert not other.fits  # the picture says the number that was claimed before
    assert awaits_person(other)
