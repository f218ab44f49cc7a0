"""One photo of a document: read into the form, and shown to the scan with consent."""

import pytest
from stdnum.iso7064 import mod_11_2

from enrolment.model.errors import OutOfTurn
from enrolment.model.faces import ScanState
from enrolment.model.leases import FacePath
from tests.system.scans import scanned
from tests.system.world import PERSON, World

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
