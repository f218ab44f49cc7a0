"""The station's counter: an officer saw somebody, and a real station tells his box."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from cloud_sync.adapters.counter import StationCounter
from cloud_sync.wire import Addressee, Key, seal
from devices.model.keys import KeyState
from enrolment.model.documents import DocumentKind, Evidence, OutsideAnswer, Person
from enrolment.model.errors import (
    CodeWrong,
    ConsentMissing,
    LinkDead,
    OutsideSilent,
    StationSilent,
    WaitLonger,
)
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import FacePath
from enrolment.model.rights import Basis
from enrolment.rules.leases import CODE_TRIES
from enrolment.rules.standing import awaits_person, may_send
from enrolment.service.checking import ASKED_A_DAY, ASKED_AT_ONCE
from ledger.ids import new_id
from station.adapters import rows
from station.model import Claim, NotSeen
from station.wiring import Station
from tests.contract.test_registry import paired, running
from tests.system.world import PERSON, SAME, World

__all__ = ["running"]
SHOWN = Claim("RIC", PERSON.name, PERSON.number)
ANSWERS = (OutsideAnswer.MATCH, OutsideAnswer.CODE_WRONG, OutsideAnswer.NO_ANSWER)
MATCH, WRONG, NONE = ANSWERS


@pytest.fixture
async def counter(running: Station):
    registry = await paired(running)
    yield StationCounter(registry, "box", "epoch")
    await registry.close()


async def seen(running: Station, claim: Claim = SHOWN) -> str:
    return (await running.counter.see(claim)).code


async def test_whom_an_officer_saw_sends_his_registration_himself(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.PERSON)
    lease, answer = await checking.check(lease, await seen(running))
    assert answer is MATCH
    registration = await world.enrolment.send(lease, [world.door])
    assert registration.evidence is Evidence.SEEN_BY_PERSON
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE
    [told] = await world.stores.rights.disclosures(lease.tenant)
    assert told.basis is Basis.COUNTER


async def test_a_resident_without_phone_and_pin_is_taken_at_an_officers_word(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    lease = await world.registered(window)
    checking = replace(world.services.counter, channel=counter)
    letting = replace(world.letting, counter=checking)
    token = await letting.invite_again(lease)
    for wrong in ("00000000", await seen(running, Claim("RIC", "别人", "341"))):
        with pytest.raises(CodeWrong):
            await letting.bind(token, wrong)
    code = await seen(running)
    found = await letting.bind(token, f"{code[:4]} {code[4:]}")
    assert found == lease
    with pytest.raises(LinkDead):
        await letting.bind(token, code)
    with pytest.raises(CodeWrong):  # good once: not for the landlord's next link
        await letting.bind(await letting.invite_again(lease), code)
    told = await world.stores.rights.disclosures(lease.tenant)
    assert [each.basis for each in told].count(Basis.BY_LINK) == 4


async def test_a_code_that_was_used_for_enrolment_opens_no_page(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    letting = replace(world.letting, counter=checking)
    lease = await world.identified(window, FacePath.PERSON)
    code = await seen(running)
    lease, answer = await checking.check(lease, code)
    assert answer is MATCH
    await world.enrolment.send(lease, [world.door])
    with pytest.raises(CodeWrong):
        await letting.bind(await letting.invite_again(lease), code)


async def test_a_resident_is_asked_about_a_few_times_a_day(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    """Whoever makes links cannot tell the station of him again and again."""
    lease = await world.registered(window)
    checking = replace(world.services.counter, channel=counter)
    for number in range(ASKED_A_DAY):
        assert not await checking.recognise(lease, "12345678", f"link {number}")
    assert not await checking.recognise(lease, await seen(running), "another")
    told = await world.stores.rights.disclosures(lease.tenant)
    assert len(told) == ASKED_A_DAY
    world.clock.move(timedelta(days=1, minutes=1))
    assert await checking.recognise(lease, await seen(running), "another")


async def test_one_tenants_guesses_shut_no_counter_for_the_house(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.PERSON)
    for _ in range(ASKED_AT_ONCE):
        _, answer = await checking.check(lease, "12345678")
        assert answer is WRONG
        world.clock.move(timedelta(seconds=10))
    with pytest.raises(WaitLonger) as wait:
        await checking.check(lease, "12345678")
    other = await world.identified(window, FacePath.PERSON, room=1)
    _, answer = await checking.check(other, await seen(running))
    assert answer is MATCH
    world.clock.move(timedelta(seconds=wait.value.seconds))
    _, answer = await checking.check(lease, await seen(running))
    assert answer is MATCH


async def test_an_officers_code_spends_a_try_and_opens_nobodys_enrolment(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    """A station that is silent is no way to guess on."""
    checking = replace(world.services.counter, channel=counter)
    letting = replace(world.letting, counter=checking)
    begun = await world.identified(window, room=1)
    with pytest.raises(CodeWrong):
        await letting.bind(await letting.invite_again(begun), await seen(running))
    lease = await world.registered(window)
    token = await letting.invite_again(lease)
    deaf = replace(counter, registry=replace(counter.registry, pairing=None))
    silent = replace(letting, counter=replace(checking, channel=deaf))
    for _ in range(CODE_TRIES):
        with pytest.raises((CodeWrong, StationSilent)):
            await silent.bind(token, "12345678")
    with pytest.raises(LinkDead):
        await letting.bind(token, await seen(running))


async def test_a_link_that_was_made_meanwhile_is_not_bound(
    world: World, window
) -> None:
    lease = await world.registered(window)

    async def meanwhile(_lease, _code: str, _link: str) -> bool:
        await world.letting.invite_again(lease)
        return True

    asked = SimpleNamespace(recognise=meanwhile)
    letting = replace(world.letting, counter=asked)
    with pytest.raises(LinkDead):
        await letting.bind(await letting.invite_again(lease), "12345678")
    assert not (await world.stores.invitations.of(lease.id)).bound


async def test_whoever_rather_has_his_landlord_look_is_waited_for(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.PERSON)
    lease, _ = await checking.check(lease, await seen(running))
    lease = await world.enrolment.change_path(lease)
    assert not may_send(lease)
    assert awaits_person(lease)


@pytest.mark.parametrize(
    "person",
    [
        replace(PERSON, name="租客乙"),
        replace(PERSON, number="341221198511070026"),
        replace(PERSON, kind=DocumentKind.PASSPORT),
    ],
)
async def test_a_code_is_for_one_person(
    running: Station, counter: StationCounter, person: Person
) -> None:
    code = await seen(running)
    assert await counter.check(person, code, new_id()) is WRONG
    assert await counter.check(PERSON, code, new_id()) is MATCH


@pytest.mark.parametrize(
    "typed",
    [
        Claim("RIC", f" {PERSON.name}", "330522 19900315 0016"),
        Claim("RIC", "租客·甲", PERSON.number),
        Claim("RIC", PERSON.name, "３３０５２２１９９００３１５００１６"),  # noqa: RUF001
    ],
)
async def test_however_an_officer_types_it_it_is_the_same_person(
    running: Station, counter: StationCounter, typed: Claim
) -> None:
    code = await seen(running, typed)
    assert await counter.check(PERSON, f"{code[:4]} {code[4:]}", new_id()) is MATCH


async def test_case_and_spaces_of_a_name_do_not_count(
    running: Station, counter: StationCounter
) -> None:
    told = Person("ERIKSSON ANNA MARIA", DocumentKind.PASSPORT, "L898902C3")
    code = await seen(running, Claim("PP", "Eriksson  Anna-Maria", "l898902c3"))
    assert await counter.check(told, code, new_id()) is MATCH


async def test_scans_that_failed_are_no_reason_to_wait(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.PERSON)
    for _ in range(5):
        async with world.stores.book.page() as page:
            world.stores.consents.fail(page, lease.tenant, world.clock.now())
    assert (await checking.check(lease, await seen(running)))[1] is MATCH


async def test_strangers_cannot_shut_a_boxs_counter(
    running: Station, counter: StationCounter
) -> None:
    url = f"{running.settings.web.address}/api/v1/counter"
    key = Key("box", "epoch", "about", 1, "counter")
    to = Addressee(counter.registry.pairing.sealing)
    forged = seal({"v": 1}, (key, 0), to, Ed25519PrivateKey.generate()).encode()
    async with httpx.AsyncClient() as client:
        for _ in range(10):
            assert (await client.post(url, content=forged)).status_code == 400
    assert await counter.check(PERSON, await seen(running), new_id()) is MATCH


async def test_a_404_of_somebody_in_between_is_no_answer(
    counter: StationCounter,
) -> None:
    pairing = counter.registry.pairing
    counter.registry.pairing = replace(pairing, url=f"{pairing.url}/elsewhere")
    assert await counter.check(PERSON, "12345678", new_id()) is NONE


async def test_a_lost_answer_is_asked_for_again_and_nobody_else_uses_the_code(
    running: Station, counter: StationCounter
) -> None:
    code, about = await seen(running), new_id()
    told = [await counter.check(PERSON, code, about) for _ in range(2)]
    assert told == [MATCH, MATCH]
    assert await counter.check(PERSON, code, new_id()) is WRONG


async def test_many_at_once_use_a_code_once(
    running: Station, counter: StationCounter
) -> None:
    code = await seen(running)
    asks = (counter.check(PERSON, code, new_id()) for _ in range(5))
    told = await asyncio.gather(*asks)
    assert told.count(MATCH) == 1


async def test_a_code_is_over_after_an_hour_and_names_nobody(
    running: Station,
) -> None:
    code = await seen(running)
    held = await running.book.read(lambda c: c.execute(select(rows.seen)).all())
    assert PERSON.number.encode() not in repr(held).encode()
    assert code not in repr(held)
    over = running.counter.clock.now() + timedelta(hours=1)
    with pytest.raises(NotSeen):
        async with running.book.page() as page:
            running.counter.sightings.use(page, held[0].digest, "key", over)


async def test_guesses_are_slowed_down(
    running: Station, counter: StationCounter
) -> None:
    await seen(running)
    told = [await counter.check(PERSON, f"{n:08}", new_id()) for n in range(22)]
    assert told[:20] == [WRONG] * 20
    assert told[20:] == [NONE] * 2


async def test_nobody_is_asked_for_whoever_chose_the_states_channel(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.STATE)
    with pytest.raises(ConsentMissing):
        await checking.check(lease, await seen(running))


async def test_who_is_in_doubt_after_a_scan_is_decided_at_the_counter(
    world: World, window, running: Station, counter: StationCounter
) -> None:
    checking = replace(world.services.counter, channel=counter)
    world.faces.answer = replace(SAME, similarity=0.42)
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert lease.face is FaceVerdict.DOUBT
    assert not may_send(lease)
    lease, answer = await checking.check(lease, await seen(running))
    assert answer is MATCH
    lease = await world.enrolment.change_path(lease)  # which takes nothing from him
    assert await world.stores.consents.template(lease.tenant) is None
    registration = await world.enrolment.send(lease, [world.door])
    assert registration.evidence is Evidence.SEEN_BY_PERSON


async def test_a_station_that_is_away_takes_no_try(
    world: World, window, counter: StationCounter
) -> None:
    counter.registry.pairing = None
    assert not counter.there
    checking = replace(world.services.counter, channel=counter)
    lease = await world.identified(window, FacePath.PERSON)
    with pytest.raises(OutsideSilent):
        await checking.check(lease, "12345678")
    assert (await world.stores.consents.tries(lease.tenant))[0] == 0
