"""The state's identity channel: preferred, asked by consent, never to anyone's loss."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from stdnum.iso7064 import mod_11_2

from devices.model.keys import KeyState
from enrolment.adapters.state_identity import SIGNATURE, HttpStateIdentity, signature
from enrolment.model.consents import ConsentKind
from enrolment.model.documents import Evidence, OutsideAnswer
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    OutsideSilent,
    TriesSpent,
    WaitLonger,
)
from enrolment.model.leases import FacePath, Lease
from enrolment.model.rights import Basis
from enrolment.rules.paths import offered
from enrolment.rules.standing import awaits_person, evidence, may_send
from enrolment.service.checking import Checking
from gateway.demo.programs import free_port
from gateway.demo.state_identity import StateRegister
from ledger.errors import Conflict
from tests.system.world import LANDLORD, PERSON, World

KEY = b"k" * 32


async def serving(app: Starlette) -> AsyncIterator[str]:
    port = free_port()
    config = uvicorn.Config(app, port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await task


@pytest.fixture
def register() -> StateRegister:
    return StateRegister(KEY, {PERSON.number: PERSON.name})


@pytest.fixture
async def checking(world: World, register: StateRegister) -> AsyncIterator:
    async for url in serving(register.app):
        channel = HttpStateIdentity("state", url, "box", KEY)
        yield replace(world.services.state_checking, channel=channel)


async def claimed(world: World, window) -> Lease:
    return await world.identified(window, FacePath.STATE)


@pytest.mark.parametrize(
    ("state", "faces", "order"),
    [
        (True, True, [FacePath.STATE, FacePath.PERSON, FacePath.SCAN]),
        (True, False, [FacePath.STATE, FacePath.PERSON]),
        (False, True, [FacePath.PERSON, FacePath.SCAN]),
        (False, False, [FacePath.PERSON]),
    ],
)
def test_l2_the_states_channel_comes_before_a_face_check(
    *, state: bool, faces: bool, order: list[FacePath]
) -> None:
    assert list(offered(state=state, faces=faces)) == order


async def test_whom_the_state_knows_sends_his_registration_himself(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    assert not may_send(lease)
    assert not awaits_person(lease)
    lease, answer = await checking.check(lease, register.code(PERSON.number))
    assert answer is OutsideAnswer.MATCH
    registration = await world.enrolment.send(lease, [world.door])
    assert registration.evidence is Evidence.STATE_VERIFIED
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE
    [asked] = register.asked
    assert set(asked) == {"v", "nonce", "kind", "name", "number", "code"}


async def test_d11_a_mismatch_takes_nothing_and_a_person_decides(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    register.people[PERSON.number] = "租客乙"
    lease, answer = await checking.check(lease, register.code(PERSON.number))
    assert answer is OutsideAnswer.MISMATCH
    lease = await world.enrolment.change_path(lease)
    assert awaits_person(lease)
    await world.enrolment.enrol(lease, [world.door], PERSON.number[-4:], LANDLORD)
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE


async def test_d2_that_it_was_asked_is_on_record_before_it_is(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    code = register.code(PERSON.number)
    known = replace(checking, channel=replace(checking.channel, key=b"x" * 32))
    with pytest.raises(OutsideSilent):
        await known.check(lease, code)
    await checking.check(lease, code)
    told = await world.stores.rights.disclosures(lease.tenant)
    assert [each.basis for each in told] == [Basis.STATE_IDENTITY] * 2
    assert {each.to for each in told} == {"state"}


async def test_without_his_consent_nobody_is_asked(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    withdrawn = await world.enrolment.change_path(lease)
    for each in (withdrawn, replace(withdrawn, path=FacePath.STATE)):
        with pytest.raises(ConsentMissing):
            await checking.check(each, register.code(PERSON.number))
    given = await world.stores.consents.given(lease.tenant, ConsentKind.STATE_IDENTITY)
    assert given is None
    assert register.asked == []


async def test_a_confirmation_ends_with_the_consent_and_with_the_claim(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    lease, _ = await checking.check(lease, register.code(PERSON.number))
    other = replace(PERSON, number="341221198511070026")
    changed, _ = await world.enrolment.identify(lease, other)
    assert not may_send(changed)
    with pytest.raises(OutOfTurn):
        await world.enrolment.send(changed, [world.door])
    again, _ = await world.enrolment.identify(changed, PERSON)
    again, _ = await checking.check(again, register.code(PERSON.number))
    withdrawn = await world.enrolment.change_path(again)
    assert evidence(withdrawn) is Evidence.SEEN_BY_PERSON
    assert awaits_person(withdrawn)


async def test_who_is_registered_stays_known_as_he_was(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease = await claimed(world, window)
    lease, _ = await checking.check(lease, register.code(PERSON.number))
    await world.enrolment.send(lease, [world.door])
    lease = await world.stores.leases.find(lease.id)
    lease = await world.enrolment.change_path(lease)  # the look at the door
    assert lease.evidence is Evidence.STATE_VERIFIED


async def test_at_fifteen_the_states_word_is_his_to_ask_for(
    world: World, window
) -> None:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, FacePath.STATE, "n")
    body = "33052220110315001"
    number = body + mod_11_2.calc_check_digit(body)
    young = replace(PERSON, number=number, guardian="租客丙")
    lease, found = await world.enrolment.identify(lease, young)
    assert found
    assert lease.path is FacePath.STATE
    given = await world.stores.consents.given(lease.tenant, ConsentKind.STATE_IDENTITY)
    assert given is not None


async def test_codes_are_not_guessed(world: World, window, checking: Checking) -> None:
    lease = await claimed(world, window)
    for _ in range(2):
        lease, answer = await checking.check(lease, "00000000")
        assert answer is OutsideAnswer.CODE_WRONG
    with pytest.raises(WaitLonger):
        await checking.check(lease, "00000000")
    for _ in range(3):
        world.clock.move(timedelta(hours=1))
        await checking.check(lease, "00000000")
    with pytest.raises(TriesSpent):
        await checking.check(lease, "00000000")


async def test_two_taps_are_one_question_and_undo_no_match(
    world: World, window, checking: Checking, register: StateRegister
) -> None:
    lease, code = await claimed(world, window), register.code(PERSON.number)
    told = await asyncio.gather(
        *(checking.check(lease, code) for _ in range(3)), return_exceptions=True
    )
    refused = [each for each in told if isinstance(each, OutOfTurn)]
    assert len(refused) == 2
    with pytest.raises(Conflict):  # what was loaded before is held against it
        await checking.check(lease, register.code("341221198511070026"))
    kept = await world.stores.leases.find(lease.id)
    assert may_send(kept)


async def test_a_box_without_a_channel_asks_nobody(world: World, window) -> None:
    assert not world.state_checking.there
    with pytest.raises(OutOfTurn):
        await world.state_checking.check(await claimed(world, window), "1")


def told(**answer) -> bytes:
    return json.dumps({"v": 1, "nonce": "other", "result": "match", **answer}).encode()


@pytest.mark.parametrize(
    "body",
    [told(), told(result="yes"), told(v=2), b"[]", b"not json", b"x" * 5000],
)
async def test_an_answer_that_is_not_to_this_question_is_none(body: bytes) -> None:
    async def say(_request) -> Response:
        return Response(body, headers={SIGNATURE: signature(KEY, body)})

    app = Starlette(routes=[Route("/v1/checks", say, methods=["POST"])])
    async for url in serving(app):
        channel = HttpStateIdentity("state", url, "box", KEY)
        assert await channel.check(PERSON, "1", "r") is OutsideAnswer.NO_ANSWER


async def test_nobody_there_is_no_answer() -> None:
    channel = HttpStateIdentity("state", f"http://127.0.0.1:{free_port()}", "box", KEY)
    assert await channel.check(PERSON, "1", "r") is OutsideAnswer.NO_ANSWER
