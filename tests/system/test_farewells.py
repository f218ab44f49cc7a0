"""Who moved out takes his receipts along, and may come back for three years."""

import json
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from cloud_sync.wire import bytes_of, canonical
from devices.model.places import Landlord
from devices.model.tasks import TaskKind
from enrolment.model.errors import LinkDead, OutOfTurn
from enrolment.model.leases import Lease, Stage
from enrolment.model.rights import RequestKind
from enrolment.service.rights import ASKED_FOR
from gateway.web.export import bundle
from gateway.web.own import at_the_door, place
from tests.system.world import LANDLORD, PERSON, World

BOX = Ed25519PrivateKey.generate()
IDENTITY = {"box": "box", "box_key": BOX.public_key().public_bytes_raw().hex()}


async def left(world: World, window) -> Lease:
    lease = await world.registered(window)
    await world.forwarding.forward_due()
    lease = await world.moving_out.end(lease, lease.tenant)
    await world.forwarding.forward_due()
    return lease


async def erased(world: World, window) -> tuple[Lease, str]:
    lease = await left(world, window)
    code, _ = await world.farewells.give(lease)
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()
    lease = await world.stores.leases.find(lease.id)
    assert lease.stage is Stage.ERASED
    return lease, code


async def made(world: World, lease: Lease) -> dict:
    told = {
        **await place(world.stores.houses, lease),
        **await at_the_door(world.stores.keys, world.stores.journal, lease),
        "data": await world.rights.data(lease),
        "deliveries": await world.stores.deliveries.of(lease.tenant),
    }
    return bundle(told, IDENTITY, world.clock.now(), BOX.sign)


def signed(content: dict) -> None:
    """Check a bundle as anybody can, with nothing but itself."""
    rest = dict(content)
    signature = bytes_of(rest.pop("signature"))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(content["box_key"]))
    key.verify(signature, canonical(rest))


async def test_he_takes_everything_along_and_it_proves_itself(
    world: World, window
) -> None:
    lease = await left(world, window)
    content = json.loads(json.dumps(await made(world, lease)))
    signed(content)
    assert content["person"]["number"] == PERSON.number
    assert len(content["receipts"]) == len(content["told"]) == 2
    assert "template" not in json.dumps(content).replace("face_template", "")
    content["lease"]["ends"] = "2030-01-01T00:00:00+00:00"
    with pytest.raises(InvalidSignature):
        signed(content)


async def test_whoever_lives_there_has_no_code(world: World, window) -> None:
    with pytest.raises(OutOfTurn):
        await world.farewells.give(await world.registered(window))


async def test_a_code_leads_back_to_ones_own_and_a_new_one_voids_it(
    world: World, window
) -> None:
    lease = await left(world, window)
    first, _ = await world.farewells.give(lease)
    assert (await world.farewells.back(first.replace("-", " "))).id == lease.id
    second, _ = await world.farewells.give(lease)
    for wrong in (first, "", "0000-0000-0000-0000"):
        with pytest.raises(LinkDead):
            await world.farewells.back(wrong)
    assert (await world.farewells.back(second)).id == lease.id


async def test_d5_after_his_data_are_gone_he_still_asks_and_is_answered(
    world: World, window
) -> None:
    lease, code = await erased(world, window)
    back = await world.farewells.back(code)
    data = await world.rights.data(back)
    assert (data.person, data.template) == (None, False)
    assert (await made(world, back))["person"] is None
    asked = await world.rights.ask(back, RequestKind.COMPLAIN, "秘密的话")
    assert asked.tenant != lease.tenant
    answered = await world.rights.answer(asked, "都已删除", granted=True)
    [found] = (await world.rights.data(back)).requests
    assert (found.text, found.answer) == ("秘密的话", answered.answer)


async def test_after_three_years_the_code_and_what_was_asked_are_gone(
    world: World, window
) -> None:
    lease, code = await erased(world, window)
    asked = await world.rights.ask(lease, RequestKind.EXPLAIN, "秘密的话")
    world.clock.move(ASKED_FOR - timedelta(days=32))
    await world.farewells.forget_over()
    assert (await world.farewells.back(code)).id == lease.id
    world.clock.move(timedelta(days=2))
    with pytest.raises(LinkDead):
        await world.farewells.back(code)
    await world.farewells.forget_over()
    [found] = await world.stores.rights.requests(lease.id)
    assert (found.id, found.text) == (asked.id, "")
    assert await world.stores.rights.over(world.clock.now()) == []


async def test_what_was_never_answered_keeps_nobody_from_asking(
    world: World, window
) -> None:
    lease = await left(world, window)
    for number in range(5):
        await world.rights.ask(lease, RequestKind.EXPLAIN, f"why {number}")
    with pytest.raises(OutOfTurn):
        await world.rights.ask(lease, RequestKind.EXPLAIN, "why")
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()
    lease = await world.stores.leases.find(lease.id)
    assert lease.stage is Stage.ERASED
    await world.rights.ask(lease, RequestKind.COMPLAIN, "nobody answers")
    world.clock.move(ASKED_FOR + timedelta(days=1))
    await world.farewells.forget_over()
    assert await world.stores.tasks.of(LANDLORD) == []


async def test_what_is_asked_without_a_code_goes_one_day_as_well(
    world: World, window
) -> None:
    lease = await left(world, window)
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()
    lease = await world.stores.leases.find(lease.id)
    await world.rights.ask(lease, RequestKind.EXPLAIN, "秘密的话")
    world.clock.move(ASKED_FOR + timedelta(days=1))
    await world.farewells.forget_over()
    [found] = await world.stores.rights.requests(lease.id)
    assert found.text == ""


@pytest.mark.parametrize("answered", [True, False])
async def test_d6_a_request_holds_the_erasure_until_it_is_answered_or_late(
    world: World, window, *, answered: bool
) -> None:
    lease = await left(world, window)
    world.clock.move(timedelta(days=29))
    asked = await world.rights.ask(lease, RequestKind.EXPLAIN, "why")
    world.clock.move(timedelta(days=2))
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.LEFT
    if answered:
        await world.rights.answer(asked, "because", granted=True)
    else:
        world.clock.move(timedelta(days=14))
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED


async def test_open_requests_go_to_the_new_landlord_with_the_house(
    world: World, window
) -> None:
    lease = await world.registered(window)
    asked = await world.rights.ask(lease, RequestKind.EXPLAIN, "why")
    waiting = await world.identified(window, room=1)
    house = await world.stores.houses.house(lease.house)
    abouts = await world.rights.concerns(house.id)
    next_one = Landlord("next", "房东乙", "13900000000")
    await world.building.hand_over(house, next_one, abouts)
    assert await world.stores.tasks.of(LANDLORD) == []
    tasks = await world.stores.tasks.of("next")
    assert {(each.kind, each.about) for each in tasks} >= {
        (TaskKind.ANSWER_REQUEST, asked.id),
        (TaskKind.CONFIRM_PERSON, waiting.id),
    }
