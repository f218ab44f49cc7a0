"""Tokens at doors: who holds them, how far they reach, once and in time."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import biscuit_auth
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.adapters import tokens
from devices.adapters.tokens import LONGEST, BiscuitTokens, narrow
from devices.model.errors import NotSo, NotYours, TokenUnfit
from devices.model.keys import KeyKind, KeyState, Refusal
from devices.model.locks import Lock
from devices.model.places import DoorId, HouseId, LockId
from devices.model.tokens import Pass
from devices.rules.tokens import answer_to, passed
from ledger.clock import Trust
from ledger.errors import LedgerUnavailable
from ledger.keys import MasterKey
from tests.system.test_keys import issued
from tests.system.world import LOCK, World
from tests.unit.test_key_rules import key as a_key

HOUR = timedelta(hours=1)
PHONE = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
GUEST = Ed25519PrivateKey.from_private_bytes(b"g" * 32)
THIEF = Ed25519PrivateKey.from_private_bytes(b"t" * 32)


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@pytest.fixture
async def tenant(world: World, window):
    """A tenant's key, and the token that his phone holds for it."""
    lease = await world.registered(window)
    key = world.stores.keys.key(lease.key)
    return key, *world.showing.cut(key, world.door.house, public(PHONE))


async def shown(world: World, token: bytes, phone=PHONE, door=None) -> Refusal | None:
    """Show a token as an honest phone does: answer the door's challenge."""
    door = door or world.door
    asked = world.showing.challenge(door.id)
    signature = phone.sign(answer_to(door.id, asked.nonce, token))
    found = await world.showing.answer(door, asked.nonce, token, signature)
    return found.refusal


def a_pass(world: World, token: bytes, phone=PHONE, age=timedelta()) -> Pass:
    at, nonce = world.clock.now() - age, b"n" * 16
    return Pass(token, at, nonce, phone.sign(passed(world.door.id, token, at, nonce)))


async def test_a_phone_opens_with_its_token(world: World, tenant) -> None:
    _, token, _ = tenant
    assert await shown(world, token) is None
    assert ("release", LOCK.id) in world.driver.told


async def test_a_copied_token_alone_opens_nothing(world: World, tenant) -> None:
    _, token, _ = tenant
    assert await shown(world, token, THIEF) is Refusal.WRONG_HOLDER
    assert ("release", LOCK.id) not in world.driver.told


async def test_an_answer_counts_once_and_for_seconds(world: World, tenant) -> None:
    _, token, _ = tenant
    asked = world.showing.challenge(world.door.id)
    signature = PHONE.sign(answer_to(world.door.id, asked.nonce, token))
    answer = (world.door, asked.nonce, token, signature)
    assert await world.showing.answer(*answer)
    assert (await world.showing.answer(*answer)).refusal is Refusal.STALE
    late = world.showing.challenge(world.door.id)
    signature = PHONE.sign(answer_to(world.door.id, late.nonce, token))
    world.clock.move(timedelta(seconds=10))
    found = await world.showing.answer(world.door, late.nonce, token, signature)
    assert found.refusal is Refusal.STALE


async def test_an_answer_is_for_one_door(world: World, tenant) -> None:
    _, token, _ = tenant
    world.locks.discover([Lock(LockId("0x2"), "room", "YRD", 30)])
    other = await world.building.hang(
        world.door.house, "101", LockId("0x2"), room=world.rooms[0].id
    )
    asked = world.showing.challenge(world.door.id)
    signature = PHONE.sign(answer_to(world.door.id, asked.nonce, token))
    found = await world.showing.answer(other, asked.nonce, token, signature)
    assert found.refusal is Refusal.STALE
    assert await shown(world, token, door=other) is Refusal.NARROWED


async def test_a_token_from_another_root_is_not_ours(world: World, tenant) -> None:
    key, _, _ = tenant
    forger = BiscuitTokens(MasterKey(b"f" * 32))
    token = forger.cut(key, world.door.house, public(PHONE))
    assert await shown(world, token) is Refusal.FORGED
    elsewhere = BiscuitTokens(world.stores.master)
    token = elsewhere.cut(key, HouseId("another"), public(PHONE))
    assert await shown(world, token) is Refusal.FORGED


async def test_a_token_ends_with_its_key(world: World, tenant) -> None:
    key, token, _ = tenant
    await world.ekeys.freeze(key, key.holder)
    assert await shown(world, token) is Refusal.FROZEN
    await world.ekeys.thaw(world.stores.keys.key(key.id), key.holder)
    assert await shown(world, token) is None
    await world.ekeys.end(world.stores.keys.key(key.id), key.holder)
    assert await shown(world, token) is Refusal.REVOKED
    ended = world.stores.keys.key(key.id)
    with pytest.raises(NotSo):
        world.showing.cut(ended, world.door.house, public(PHONE))


async def test_a_token_opens_only_in_its_window(world: World, tenant, window) -> None:
    _, token, _ = tenant
    world.clock.move(window[1] - world.clock.now())
    assert await shown(world, token) is Refusal.NARROWED


async def narrowed(world: World, tenant, **changes) -> bytes:
    _, token, root = tenant
    told = {
        "mine": PHONE,
        "guest": public(GUEST),
        "window": (world.clock.now() - HOUR, world.clock.now() + HOUR),
        "doors": [world.door.id],
    }
    return narrow((token, root), **{**told, **changes})


async def test_a_tenant_narrows_his_token_for_a_guest(world: World, tenant) -> None:
    guest = await narrowed(world, tenant)
    assert await shown(world, guest, GUEST) is None
    assert await shown(world, guest, PHONE) is Refusal.WRONG_HOLDER
    world.clock.move(HOUR)
    assert await shown(world, guest, GUEST) is Refusal.NARROWED
    assert await shown(world, tenant[1]) is None


async def test_a_guest_never_gets_more_than_the_tenant_has(
    world: World, tenant, window
) -> None:
    ever = (window[0] - HOUR, window[1] + 100 * HOUR)
    wide = await narrowed(world, tenant, window=ever, doors=["elsewhere"])
    assert await shown(world, wide, GUEST) is Refusal.NARROWED
    wide = await narrowed(world, tenant, window=ever)
    world.clock.move(window[1] - world.clock.now())
    assert await shown(world, wide, GUEST) is Refusal.NARROWED


async def test_a_token_narrowed_to_nothing_opens_nothing(world: World, tenant) -> None:
    nothing = await narrowed(world, tenant, doors=[])
    assert await shown(world, nothing, GUEST) is Refusal.NARROWED


async def test_only_the_holder_may_bind_a_token_to_a_guest(
    world: World, tenant
) -> None:
    stolen = await narrowed(world, tenant, mine=THIEF)
    assert await shown(world, stolen, GUEST) is Refusal.WRONG_HOLDER
    _, token, root = tenant
    known = biscuit_auth.PublicKey.from_bytes(root, biscuit_auth.Algorithm.Ed25519)
    block = biscuit_auth.BlockBuilder("holder({k})", {"k": public(GUEST)})
    own = bytes(biscuit_auth.Biscuit.from_bytes(token, known).append(block).to_bytes())
    assert await shown(world, own, GUEST) is Refusal.WRONG_HOLDER
    assert await shown(world, own) is Refusal.WRONG_HOLDER


async def test_a_guest_narrows_no_further(world: World, tenant) -> None:
    guest = await narrowed(world, tenant)
    again = await narrowed(
        world, (None, guest, tenant[2]), mine=GUEST, guest=public(THIEF)
    )
    assert await shown(world, again, THIEF) is Refusal.WRONG_HOLDER


async def test_revoking_the_guest_leaves_the_tenant(world: World, tenant) -> None:
    key, token, _ = tenant
    guest = await narrowed(world, tenant)
    said = BiscuitTokens(world.stores.master).read(
        guest, world.door.house, world.door.id, world.clock.now()
    )
    with pytest.raises(NotYours):
        await world.showing.revoke(key, said.ids[1], "somebody")
    await world.showing.revoke(key, said.ids[1], key.holder)
    assert await shown(world, guest, GUEST) is Refusal.REVOKED
    assert await shown(world, token) is None
    await world.showing.revoke(key, said.ids[0], key.holder)
    assert await shown(world, token) is Refusal.REVOKED
    # A lost phone is bound anew without a new enrolment.
    fresh, _ = world.showing.cut(key, world.door.house, public(GUEST))
    assert await shown(world, fresh, GUEST) is None


async def test_a_pass_opens_once(world: World, tenant) -> None:
    _, token, _ = tenant
    one = a_pass(world, token)
    found = await asyncio.gather(*(world.showing.take(world.door, one) for _ in "abc"))
    refusals = [each.refusal for each in found]
    assert sorted(refusals, key=str) == [None, Refusal.REPLAYED, Refusal.REPLAYED]


@pytest.mark.parametrize("seconds", [-6, 15, 3600])
async def test_a_pass_lives_fifteen_seconds(world: World, tenant, seconds) -> None:
    old = a_pass(world, tenant[1], age=timedelta(seconds=seconds))
    assert (await world.showing.take(world.door, old)).refusal is Refusal.STALE


async def test_a_pass_that_was_changed_opens_nothing(world: World, tenant) -> None:
    good = a_pass(world, tenant[1])
    for bad in (
        replace(good, shown_at=good.shown_at + timedelta(seconds=1)),
        replace(good, nonce=b"m" * 16),
        a_pass(world, tenant[1], THIEF),
    ):
        found = await world.showing.take(world.door, bad)
        assert found.refusal is Refusal.WRONG_HOLDER
    world.clock.trust = Trust.UNSURE
    found = await world.showing.take(world.door, good)
    assert found.refusal is Refusal.CLOCK_UNSURE


async def test_a_pass_is_spent_on_disk_before_the_bolt_moves(
    world: World, tenant, monkeypatch
) -> None:
    def full(_page):
        kept = asyncio.get_running_loop().create_future()
        kept.set_exception(LedgerUnavailable("full"))
        return kept

    good = a_pass(world, tenant[1])
    monkeypatch.setattr(world.stores.book, "submit", full)
    found = await world.showing.take(world.door, good)
    assert found.refusal is Refusal.NOT_KEPT
    assert ("release", LOCK.id) not in world.driver.told


async def test_a_one_time_key_by_token_opens_once(world: World) -> None:
    key = await issued(world, KeyKind.ONE_TIME)
    token, _ = world.showing.cut(key, world.door.house, public(PHONE))
    assert await shown(world, token) is None
    assert await shown(world, token) is Refusal.USED_UP
    assert world.stores.keys.key(key.id).state is KeyState.USED_UP


async def test_a_holders_key_that_is_none_is_refused(world: World) -> None:
    key = await issued(world)
    with pytest.raises(TokenUnfit):
        world.showing.cut(key, world.door.house, b"short")
    with pytest.raises(TokenUnfit):
        narrow((b"rubbish", b"r" * 32), PHONE, public(GUEST), (NOW, NOW), [])


TOKENS, NOW = BiscuitTokens(MasterKey(b"m" * 32)), datetime(2026, 11, 22, tzinfo=UTC)
PLACE = (HouseId("h"), DoorId("d"))
WHOLE = TOKENS.cut(a_key(doors=frozenset({PLACE[1]})), PLACE[0], public(PHONE))


@pytest.fixture(scope="module")
def unhurried() -> Iterator[None]:
    """A busy machine may stand still for longer than a token is thought about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "DATALOG_WITHIN", timedelta(seconds=10))
        yield


@pytest.mark.usefixtures("unhurried")
@settings(max_examples=400)
@given(st.binary(max_size=400), st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_no_bytes_raise_or_are_a_token(raw: bytes, at: int, spoilt: bytes) -> None:
    good = TOKENS.read(WHOLE, *PLACE, NOW)
    assert good.refusal is None
    assert TOKENS.read(raw, *PLACE, NOW).refusal is Refusal.FORGED
    assert TOKENS.read(WHOLE + b"x" * LONGEST, *PLACE, NOW).refusal is Refusal.FORGED
    changed = WHOLE[:at] + spoilt + WHOLE[at + len(spoilt) :]
    said = TOKENS.read(changed, *PLACE, NOW)
    # The secret at its end serves narrowing alone; all else is signed.
    assert said.refusal is Refusal.FORGED or said == good
