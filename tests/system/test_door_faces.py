"""A look at the face after the PIN: claimed, chosen by both, never the only way in."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from devices.model.keys import EKeyId, Refusal
from devices.model.tasks import Incident
from enrolment.model.assessment import Feature
from enrolment.model.consents import ConsentKind
from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import Comparison, FaceFault, Related, Seen
from enrolment.model.leases import FacePath, Lease
from enrolment.rules.door_faces import FACES
from enrolment.rules.faces import THRESHOLDS
from ledger.errors import LedgerUnavailable
from tests.system.scans import scanned
from tests.system.test_broker_link import until
from tests.system.world import LOCK, SAME, World
from tests.unit.test_liveness import AHEAD

RELEASED = ("release", LOCK.id)
CARD = "0123456789"
PRESENT = [b"ahead"] * 12


async def resident(world: World, window, *, agrees: bool = True) -> tuple[Lease, str]:
    """Somebody who was scanned, lives there and has a card; the landlord offers it."""
    await world.building.offer_look(world.door, offered=True)
    world.door = await world.stores.houses.door(world.door.id)
    lease = await world.identified(window, FacePath.SCAN)
    assert await world.shown.take(lease, b"document") is None
    lease, _ = await scanned(world, lease)
    await world.enrolment.send(lease, [world.door], "notice" if agrees else "")
    lease = await world.stores.leases.find(lease.id)
    key = world.stores.keys.key(lease.key)
    await world.ekeys.add_card(key, CARD)
    world.cameras.shows = {world.door.id: PRESENT}
    world.driver.told.clear()
    return lease, await world.pin(lease)


async def looked(world: World) -> None:
    """Let the look that waits happen."""
    running = asyncio.ensure_future(world.door_faces.run())  # noqa: TID251 - a test's own
    await asyncio.sleep(0.005)
    await until(lambda: not world.door_faces._under_way)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def details(world: World, lease: Lease) -> list[str]:
    return [each.detail for each in await world.stores.journal.of(lease.tenant)]


async def test_a_resident_is_compared_with_himself_after_his_pin(
    house: World, window
) -> None:
    lease, pin = await resident(house, window)
    verdict = await house.access.present(house.door, pin)
    assert verdict.refusal is Refusal.LOOKING
    assert RELEASED not in house.driver.told
    await looked(house)
    assert RELEASED in house.driver.told
    assert await details(house, lease) == ["granted"]


async def test_f12_without_a_claim_no_camera_is_asked(house: World, window) -> None:
    await resident(house, window)
    await house.access.present(house.door, "000001")
    await looked(house)
    assert house.cameras.asked == []


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("other", Refusal.FACE_DIFFERS),
        ("print", Refusal.FACE_DIFFERS),
        ("still", Refusal.FACE_DIFFERS),
        ("turned", Refusal.FACE_NOT_SEEN),
        ("nobody", Refusal.FACE_NOT_SEEN),
        ("two", Refusal.FACE_NOT_SEEN),
        ("few", Refusal.FACE_NOT_SEEN),
    ],
)
async def test_whoever_is_not_he_does_not_pass_by_the_pin(
    house: World, window, who: str, refusal: Refusal
) -> None:
    lease, pin = await resident(house, window)
    match who:
        case "other":  # enough for enrolment's doubt, and for its yes, but not here
            similarity = THRESHOLDS[house.faces.engine].strict - 0.01
            house.faces.answer = Comparison(similarity, template=SAME.template)
        case "print":
            house.faces.shows[b"ahead"] = replace(AHEAD, live={"fake": 0.1})
        case "still":
            house.faces.related = Related(0.0, 0.01, 1.0)
        case "turned":  # alive, but never looks ahead: nothing to be compared
            house.faces.shows[b"ahead"] = replace(AHEAD, turn=0.22)
        case "nobody":
            house.faces.shows[b"ahead"] = Seen(0.0, FaceFault.NO_FACE)
        case "two":
            house.faces.shows[b"ahead"] = Seen(0.0, FaceFault.SEVERAL_FACES)
        case "few":
            house.cameras.shows = {house.door.id: PRESENT[: FACES - 1]}
    await house.access.present(house.door, pin)
    await looked(house)
    assert RELEASED not in house.driver.told
    assert await details(house, lease) == [refusal.value]


async def test_whoever_stands_beside_him_was_not_measured(house: World, window) -> None:
    lease, pin = await resident(house, window)
    house.faces.shows[b"two"] = Seen(0.0, FaceFault.SEVERAL_FACES)
    house.cameras.shows = {house.door.id: [b"ahead"] * 3 + [b"two"] + PRESENT}
    await house.access.present(house.door, pin)
    await looked(house)
    assert await details(house, lease) == ["granted"]


@pytest.mark.parametrize("broken", ["camera", "worker", "ledger", "assessment"])
async def test_f1_what_the_machine_cannot_do_shuts_nobody_out(
    house: World, window, broken: str
) -> None:
    _, pin = await resident(house, window)
    house.reported()
    match broken:
        case "camera":
            house.cameras.shows = {house.door.id: []}
        case "worker":

            async def down(*_told, **_more):
                raise FaceEngineDown

            house.faces.measure = down
        case "ledger":

            async def failing(_tenant) -> bytes:
                raise LedgerUnavailable("the disk fails")

            house.door_faces.consents = SimpleNamespace(template=failing)
        case "assessment":
            switch = house.door_faces.switch
            told = replace(switch.read(), features=frozenset({"face_scan"}))
            house.door_faces.switch = replace(switch, read=lambda: told)
            assert house.door_faces.switch.off(Feature.FACE_AT_DOOR)
    await house.access.present(house.door, pin)
    await looked(house)
    assert RELEASED in house.driver.told
    assert (Incident.NO_SECOND_LOOK, house.door.id) in house.reported()


async def test_f1_a_card_opens_without_a_look(house: World, window) -> None:
    await resident(house, window)
    assert await house.access.present(house.door, CARD)
    assert house.cameras.asked == []


async def test_f1_the_face_is_never_the_only_way_in(house: World, window) -> None:
    lease, pin = await resident(house, window)
    key = house.stores.keys.key(lease.key)
    await house.ekeys.drop_cards(key)
    assert await house.access.present(house.door, pin)  # neither card nor phone
    await house.showing.bind(key, lease.house, b"h" * 32)
    verdict = await house.access.present(house.door, pin)
    assert verdict.refusal is Refusal.LOOKING


@pytest.mark.parametrize(
    ("landlord", "tenant"), [(True, False), (False, True), (False, False)]
)
async def test_both_have_to_choose_it(
    house: World, window, *, landlord: bool, tenant: bool
) -> None:
    _, pin = await resident(house, window, agrees=tenant)
    await house.building.offer_look(house.door, offered=landlord)
    assert await house.access.present(house.door, pin)
    assert house.cameras.asked == []


async def test_f6_an_offer_that_is_taken_back_leaves_no_template(
    house: World, window
) -> None:
    lease, _ = await resident(house, window)
    house.cameras.shows = {}  # a camera that is only away changes nothing
    await house.door_faces.forget_unoffered()
    assert await house.stores.consents.template(lease.tenant)
    await house.building.offer_look(house.door, offered=False)
    await house.door_faces.forget_unoffered()
    assert await house.stores.consents.template(lease.tenant) is None
    given = await house.stores.consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR)
    assert given is None


async def test_f3_the_template_goes_with_the_consent(house: World, window) -> None:
    lease, pin = await resident(house, window)
    assert await house.stores.consents.template(lease.tenant)
    await house.enrolment.change_path(lease)
    assert await house.stores.consents.template(lease.tenant) is None
    given = await house.stores.consents.given(lease.tenant, ConsentKind.FACE_AT_DOOR)
    assert given is None
    assert await house.access.present(house.door, pin)


async def test_f3_consent_to_the_scan_is_none_to_the_door(house: World, window) -> None:
    lease, pin = await resident(house, window, agrees=False)
    assert await house.stores.consents.template(lease.tenant) is None
    assert await house.access.present(house.door, pin)


async def test_two_taps_are_one_look(house: World, window) -> None:
    lease, pin = await resident(house, window)
    for _ in range(3):
        await house.access.present(house.door, pin)
    await looked(house)
    assert house.cameras.asked == [house.door.id]
    assert await details(house, lease) == ["granted"]


async def test_wrong_faces_with_the_right_pin_shut_the_keypad(
    house: World, window
) -> None:
    _, pin = await resident(house, window)
    house.faces.answer = Comparison(0.1, template=SAME.template)
    for _ in range(20):
        verdict = await house.access.present(house.door, pin)
        await looked(house)
    assert verdict.refusal is Refusal.TOO_MANY_TRIES
    assert (Incident.WRONG_CODE_LIMIT, house.door.id) in house.reported()


async def test_two_residents_at_one_door_are_looked_at_one_after_the_other(
    house: World, window
) -> None:
    lease, _ = await resident(house, window)
    key = house.stores.keys.key(lease.key)
    other = replace(key, id=EKeyId("other"))
    assert house.door_faces.claim(house.door, key)
    house.stores.keys._bound[other.id] = ("a phone", other.ends)
    assert house.door_faces.claim(house.door, other)
    await looked(house)
    assert house.cameras.asked == [house.door.id] * 2


async def test_a_camera_that_fails_while_it_looks_shuts_nobody_out(
    house: World, window
) -> None:
    _, pin = await resident(house, window)

    async def dies(_door: str, _lasts: float):
        for number in range(3):
            yield number * 0.1, b"ahead"

    house.cameras.frames = dies
    await house.access.present(house.door, pin)
    await looked(house)
    assert RELEASED in house.driver.told


async def test_a_key_that_ended_while_it_was_looked_at_does_not_open(
    house: World, window
) -> None:
    lease, pin = await resident(house, window)
    await house.access.present(house.door, pin)
    house.clock.move(lease.ends - house.clock.now() + timedelta(seconds=1))
    await looked(house)
    assert RELEASED not in house.driver.told
