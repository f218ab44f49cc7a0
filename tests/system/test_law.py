"""Rules of the law that no other test names, each by its number (domain.md, 7)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, MetaData, select, update
from starlette.requests import Request
from starlette.responses import Response

from devices.model.errors import NotYours
from devices.model.keys import KeyState
from devices.model.places import DoorId
from devices.model.tasks import Incident
from devices.rules.tasks import TERMS
from enrolment.model.consents import Consent, ConsentKind
from enrolment.model.errors import ConsentMissing, FaceOff
from enrolment.model.faces import Comparison
from enrolment.model.leases import FacePath, Stage
from enrolment.rules.filing import ALARM_FROM, FILED_FROM, Filing, filing
from gateway.founding import lay
from gateway.settings import Camera, Faces, LodgeSettings
from gateway.web.site import words
from gateway.wiring.optional import door_cameras
from gateway.wiring.stores import WRITER
from ledger.book import verify_audit
from ledger.keys import KeyClass
from ledger.rows import audit
from porch.accounts import Accounts, Caller, Role, SignInRefused
from porch.pages import Pages
from porch.sessions import Session, Sessions
from tests.system.world import LANDLORD, PERSON, SAME, World

ROOT = Path(__file__).parents[2]
# Network logs are kept six months at least (Cybersecurity Law, 21).
LOGS_KEPT = timedelta(days=180)


async def test_f1_without_any_face_the_whole_way_works(world: World, window) -> None:
    world.faces.liveness = ()
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    with pytest.raises(FaceOff):
        await world.enrolment.choose(lease, FacePath.SCAN, "n")
    lease = await world.registered(window, 1)
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE
    assert await world.pin(lease)


def test_f1_no_setting_takes_the_other_ways_away() -> None:
    # Whoever adds a setting about faces looks here whether the other ways still stand.
    assert set(Faces.model_fields) == {"models", "engine", "assessment"}
    assert not [name for name in LodgeSettings.model_fields if "person" in name]


async def test_f2_no_face_leaves_the_box(world: World, window) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    raw = await world.stores.book.read(
        lambda c: c.exec_driver_sql("SELECT sealed FROM template").scalar_one()
    )
    assert SAME.template not in raw
    await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
    await world.forwarding.forward_due()
    [sent] = world.registry.seen
    told = json.dumps(sent.report).encode()
    for secret in (SAME.template, SAME.template.hex().encode(), b"template", b"face"):
        assert secret not in told


async def test_f6_a_template_has_served_once_somebody_is_registered(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant)
    await world.enrolment.enrol(lease, [world.door], "0016", LANDLORD)
    assert await world.stores.consents.template(lease.tenant) is None


def test_f2_nothing_exports_a_template() -> None:
    for path in (*ROOT.glob("gateway/web/*.py"), *ROOT.glob("gateway/cli/*.py")):
        assert "consents.template(" not in path.read_text(), path


async def test_f6_a_template_goes_a_day_after_a_lease_that_nobody_ended(
    world: World, window
) -> None:
    lease = await world.registered(window)
    async with world.stores.book.page() as page:
        scan = ConsentKind.FACE_SCAN
        now = world.clock.now()
        world.stores.consents.give(page, Consent(lease.tenant, scan, "n", now))
        await world.stores.consents.keep(page, lease.tenant, scan, SAME.template)
    for past, there in ((timedelta(hours=23), True), (timedelta(hours=2), False)):
        world.clock.at = max(world.clock.at, lease.ends) + past
        await world.moving_out.erase_due()
        template = await world.stores.consents.template(lease.tenant)
        assert (template is not None) is there


async def test_f6_a_template_goes_a_day_after_a_lease_that_never_came_to_be(
    world: World, window
) -> None:
    """Somebody was scanned, and nobody went on."""
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    world.clock.at = lease.ends + timedelta(hours=25)
    await world.moving_out.erase_due()
    assert await world.stores.consents.template(lease.tenant) is None


async def test_f3_no_template_is_kept_without_a_consent_that_stands(
    world: World, window
) -> None:
    """Withdrawn in the very moment in which it would have been kept."""
    lease = await world.identified(window, FacePath.SCAN)
    kept = world.stores.consents.keep

    async def slowly(page, tenant, *told) -> None:
        async with world.stores.book.page() as other:
            world.stores.consents.withdraw(other, tenant, world.clock.now())
        await kept(page, tenant, *told)

    consents = SimpleNamespace(
        **{
            name: getattr(world.stores.consents, name)
            for name in ("given", "fail", "tries", "drop", "withdraw")
        },
        keep=slowly,
    )
    enrolment = replace(world.enrolment, consents=consents)
    with pytest.raises(ConsentMissing):
        await enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant) is None


async def test_f6_a_template_ends_with_the_lease(world: World, window) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant)
    await world.moving_out.end(lease, lease.tenant)
    assert await world.stores.consents.template(lease.tenant) is None


def cells(connection: Connection) -> Iterator[bytes]:
    known = MetaData()
    known.reflect(connection)
    for table in known.sorted_tables:
        for row in connection.execute(select(table)).all():
            for cell in row:
                yield cell if isinstance(cell, bytes) else str(cell).encode()


@pytest.mark.parametrize("similarity", [0.8, 0.1])
async def test_f6_no_try_keeps_a_picture(
    world: World, window, similarity: float
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    world.faces.answer = Comparison(similarity, template=SAME.template)
    pictures = b"\xff\xd8live-picture", b"\xff\xd8document-picture"
    await world.enrolment.scan(lease, *pictures)
    await world.shown.take(lease, pictures[1])
    held = await world.stores.book.read(lambda c: list(cells(c)))
    assert len(held) > 50
    for picture in pictures:
        assert not any(picture in each for each in held)
        assert picture not in repr(world.shown._shown).encode()


@pytest.mark.parametrize(
    ("stored", "stands"),
    [
        (0, Filing.FREE),
        (ALARM_FROM - 1, Filing.FREE),
        (ALARM_FROM, Filing.NEAR),
        (FILED_FROM - 1, Filing.NEAR),
        (FILED_FROM, Filing.DUE),
    ],
)
def test_f8_stored_faces_are_counted_against_the_filing_duty(
    stored: int, stands: Filing
) -> None:
    assert filing(stored) is stands


async def test_d3_who_was_told_stays_on_record_after_the_person_is_erased(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.rights.reveal(lease.house, "房东甲", "inspection")
    await world.forwarding.forward_due()
    lease = await world.moving_out.end(lease, lease.tenant)
    await world.forwarding.forward_due()
    world.clock.move(timedelta(days=3 * 366))
    await world.moving_out.erase_due()
    await world.farewells.forget_over()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED
    assert len(await world.stores.rights.disclosures(lease.tenant)) == 1
    assert len(await world.stores.deliveries.of(lease.tenant)) == 2


async def test_d4_what_went_on_is_kept_half_a_year_and_longer_without_a_name(
    world: World, window
) -> None:
    book, salt = world.stores.book, world.stores.master.derive(KeyClass.AUDIT)
    accounts = Accounts(book, world.clock, world.stores.attempts, salt)
    sessions = Sessions(book, world.clock, salt)
    code, caller = await accounts.add("fang-dong", Role.LANDLORD), Caller("10.0.0.2")
    asked = Request({"type": "http", "scheme": "https", "path": "/", "headers": []})
    who = await accounts.set_password("fang-dong", code, "ten characters", caller)
    with pytest.raises(SignInRefused):
        await accounts.sign_in("fang-dong", "some other one", caller)
    await sessions.begin(asked, Response(), Session(who.role, who.id))
    lease = await world.registered(window)
    await world.forwarding.forward_due()
    await world.moving_out.end(lease, lease.tenant)
    await world.forwarding.forward_due()
    before = await book.read(lambda c: c.execute(select(audit)).all())
    assert {"password/set", "sign_in/refused", "session/begun"} <= {
        row.kind for row in before
    }
    told = " ".join(" ".join(map(str, row)) for row in before)
    for datum in (PERSON.name, PERSON.number, "fang-dong", who.id, lease.tenant):
        assert datum not in told
    world.clock.move(LOGS_KEPT + timedelta(days=1))
    await world.moving_out.erase_due()
    await world.ekeys.forget_over(world.clock.now())
    await sessions.begin(asked, Response(), Session(who.role, who.id))
    after = await book.read(lambda c: c.execute(select(audit)).all())
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED
    assert after[: len(before)] == before
    assert (await book.read(lambda c: verify_audit(c, WRITER))).ok


async def test_d4_a_log_that_somebody_mended_is_found_out(world: World, window) -> None:
    await world.registered(window)
    second = update(audit).where(audit.c.sequence == 2)
    async with world.stores.book.page() as page:
        page.put(second.values(at="2026-01-01T00:00:00+00:00"))
    found = await world.stores.book.read(lambda c: verify_audit(c, WRITER))
    assert (found.ok, found.first_bad) == (False, 2)


async def test_f11_what_has_to_be_on_is_on(world: World, window) -> None:
    """Encryption, audit, access control, authorisation, intrusion detection."""
    lease = await world.registered(window)
    held = await world.stores.book.read(
        lambda c: c.exec_driver_sql("SELECT person FROM registration").scalar_one()
    )
    assert PERSON.number.encode() not in held  # sealed inside the sealed file
    kinds = await world.stores.book.read(
        lambda c: {row[0] for row in c.exec_driver_sql("SELECT kind FROM audit").all()}
    )
    assert {"lease", "consent/person", "registration"} <= kinds
    with pytest.raises(NotYours):
        await world.moving_out.end(lease, LANDLORD)
    assert Incident.TAMPER in TERMS
    assert Incident.WRONG_CODE_LIMIT in TERMS


@pytest.mark.parametrize("language", ["zh_CN", "en"])
async def test_f9_a_door_with_a_camera_has_its_sign(
    world: World, language: str
) -> None:
    pages = Pages(ROOT / "gateway" / "web" / "pages", words())
    house = await world.stores.houses.house(world.door.house)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"accept-language", language.replace("_", "-").encode())],
    }
    sign = words().translate(language, "A camera looks here")

    def card(*, camera: bool) -> str:
        context = {"door": world.door, "house": house, "lock": None, "alone": None}
        context |= {"camera": camera, "qr": ""}
        shown = pages.show(Request(scope), "door_card.html", context)
        return shown.body.decode()

    assert sign in card(camera=True)
    assert sign not in card(camera=False)


def test_f9_a_camera_hangs_at_a_door_and_nowhere_else() -> None:
    told = {"source_file": Path("camera"), "checked": date(2026, 11, 20)}
    with pytest.raises(ValueError, match="door"):
        Camera(**told)


def test_f9_no_camera_starts_before_somebody_went_through_the_list(
    tmp_path: Path,
) -> None:
    settings = lay(tmp_path / "box", "127.0.0.1", 1, plain=True)
    (tmp_path / "box" / "camera").write_text("/dev/null")
    told = Camera(source_file=Path("camera"), door="front")
    for day, on in ((None, False), (date(2026, 11, 20), True)):
        camera = told.model_copy(update={"checked": day})
        with_one = settings.model_copy(update={"cameras": [camera]})
        assert door_cameras(with_one).there(DoorId("front")) is on
