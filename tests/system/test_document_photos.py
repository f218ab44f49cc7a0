"""One photo of a document: read into the form, and shown to the scan with consent."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from stdnum.iso7064 import mod_11_2

from enrolment.model.documents import DocumentKind, Evidence, Person, Sex
from enrolment.model.errors import DocumentExpired, OutOfTurn
from enrolment.model.faces import ScanState
from enrolment.model.leases import FacePath
from enrolment.rules.days import day_here
from enrolment.service.shown_documents import DOCUMENT_WAITS
from tests.system.scans import scanned
from tests.system.world import PERSON, World

SHANGHAI = ZoneInfo("Asia/Shanghai")
_BODY = "330522201601010011"[:17]
CHILD = _BODY + mod_11_2.calc_check_digit(_BODY)


async def test_one_photo_fills_the_form_in_and_serves_the_scan(
    house: World, window
) -> None:
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.SCAN, "n")
    found = await house.shown.read(lease, b"document")
    assert found.person.number == PERSON.number
    lease, _ = await house.enrolment.identify(lease, PERSON)
    assert house.shown.ready(lease)
    lease, told = await scanned(house, lease)
    assert (told.state, lease.fits) == (ScanState.PASSED, True)


async def test_what_a_photo_says_is_from_it_until_somebody_changes_it(
    house: World, window
) -> None:
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.PERSON, "n")
    assert house.shown.source(lease, PERSON)[1] is Evidence.TYPED
    house.reader.lines = [f"姓名{PERSON.name}", "公民身份号码", PERSON.number]
    assert await house.shown.read(lease, b"document")
    assert house.shown.source(lease, PERSON)[1] is Evidence.PICTURE
    changed = replace(PERSON, name="租客乙")
    assert house.shown.source(lease, changed)[1] is Evidence.TYPED
    house.clock.move(DOCUMENT_WAITS)
    assert house.shown.source(lease, PERSON)[1] is Evidence.TYPED


async def test_what_a_chip_said_stays_though_a_guardian_is_added(
    house: World, window
) -> None:
    lease = await house.identified(window, FacePath.PERSON)
    number, born = "USA110080022912", date(1980, 2, 29)
    chip = Person("DOE JOHN", DocumentKind.PERMANENT_RESIDENT, number, born, Sex.MALE)
    house.shown.said(lease, chip, Evidence.CHIP)
    form = replace(chip, sex=Sex.UNKNOWN, guardian="租客丙", latin="DOE JOHN")
    assert house.shown.source(lease, form) == (
        replace(form, sex=Sex.MALE),
        Evidence.CHIP,
    )
    other = replace(form, latin="DOE JIM")
    assert house.shown.source(lease, other)[1] is Evidence.TYPED


async def test_a_birth_date_that_was_typed_is_not_from_the_picture(
    house: World, window
) -> None:
    lease = await house.identified(window, FacePath.PERSON)
    read = Person("租客甲", DocumentKind.HM_PERMIT, "H1234567801")
    house.shown.said(lease, read, Evidence.PICTURE)
    assert house.shown.source(lease, read)[1] is Evidence.PICTURE
    typed = replace(read, birth=date(1990, 3, 15))
    assert house.shown.source(lease, typed)[1] is Evidence.TYPED


async def test_a_document_that_is_over_in_shanghai_is_taken_by_nobody(
    house: World, window
) -> None:
    """At 16:00 UTC the next day has begun where the house stands."""
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.SCAN, "n")
    until = day_here(house.clock.now())
    house.reader.lines = [PERSON.number, f"2016.11.22-{until:%Y.%m.%d}"]
    assert await house.shown.read(lease, b"document")  # its last day
    lease, _ = await house.enrolment.identify(lease, PERSON)
    midnight = datetime.combine(until + timedelta(days=1), time(), SHANGHAI)
    house.clock.move(midnight - house.clock.now())
    assert house.clock.now().astimezone(UTC).date() == until
    house.shown.forget(lease)
    for look in (house.shown.read, house.shown.take, house.shown.check):
        with pytest.raises(DocumentExpired):
            await look(lease, b"document")
    assert not house.shown.ready(lease)


async def test_f3_a_photo_read_without_consent_shows_no_face(
    house: World, window
) -> None:
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.PERSON, "n")
    assert await house.shown.read(lease, b"document")
    assert not house.shown.ready(lease)
    assert not house.faces.described


@pytest.mark.parametrize("lines", [[], ["nothing"], [CHILD]])
async def test_f5_no_face_is_looked_at_on_a_childs_photo_or_nobodys(
    house: World, window, lines: list[str]
) -> None:
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.SCAN, "n")
    house.reader.lines = lines
    found = await house.shown.read(lease, b"document")
    assert (found is None) == (lines != [CHILD])
    assert not house.shown.ready(lease)
    assert not house.faces.described


async def test_nothing_is_read_before_the_notice(house: World, window) -> None:
    with pytest.raises(OutOfTurn):
        await house.shown.read(await house.bound(window), b"document")
