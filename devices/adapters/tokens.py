"""Tokens as Biscuits: signed by a house's root, narrowed by their holder."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from biscuit_auth import (
    Algorithm,
    AuthorizationError,
    Authorizer,
    AuthorizerBuilder,
    Biscuit,
    BiscuitBuilder,
    BiscuitValidationError,
    BlockBuilder,
    Fact,
    KeyPair,
    PrivateKey,
    PublicKey,
    Rule,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from devices.model.errors import TokenUnfit
from devices.model.keys import EKey, EKeyId, Refusal
from devices.model.places import DoorId, HouseId
from devices.model.tokens import Token
from ledger.keys import KeyClass, MasterKey

ROOT = """
key({key}); holder({holder});
check if time($t), $t >= {starts}, $t < {ends};
check if open($d), door($d);
"""
GUEST = """
holder({holder});
check if time($t), $t >= {starts}, $t < {ends};
"""
OPENING = "time({time}); open({door}); allow if true;"
DATALOG_WITHIN = timedelta(milliseconds=100)
LONGEST = 4096
OWN = Rule("is($k, $h) <- key($k), holder($h)")
WITH_GUEST = 2
NOTHING = Token(EKeyId(""), b"", (), Refusal.FORGED)


@dataclass(frozen=True, slots=True)
class BiscuitTokens:
    """Fulfils Tokens; a house's root is derived from the box's key and never leaves."""

    master: MasterKey

    def root(self, house: HouseId) -> bytes:
        """Return the public key by which a house's tokens are known (32 bytes)."""
        return bytes(self._pair(house).public_key.to_bytes())

    def cut(self, key: EKey, house: HouseId, holder: bytes) -> bytes:
        """Sign a token for a key to whoever holds an Ed25519 key (32 bytes, public)."""
        if len(holder) != len(self.root(house)):
            raise TokenUnfit("a holder's key is 32 bytes of Ed25519")
        told = {"key": key.id, "holder": holder, "starts": key.starts, "ends": key.ends}
        builder = BiscuitBuilder(ROOT, told)
        for door in sorted(key.doors):
            builder.add_fact(Fact("door({door})", {"door": door}))
        return bytes(builder.build(self._pair(house).private_key).to_bytes())

    def read(self, token: bytes, house: HouseId, door: DoorId, at: datetime) -> Token:
        """Read a token at a door; never raise, whatever the bytes."""
        if len(token) > LONGEST:
            return NOTHING
        try:
            found = Biscuit.from_bytes(token, self._pair(house).public_key)
            opening = AuthorizerBuilder(OPENING, {"time": at, "door": door})
            limits = opening.limits()
            limits.max_time = DATALOG_WITHIN
            opening.set_limits(limits)
            authorizer = opening.build(found)
        except (BiscuitValidationError, AuthorizationError, ValueError):
            return NOTHING
        said = _said(found, authorizer)
        try:
            authorizer.authorize()
        except AuthorizationError:
            return replace(said, refusal=said.refusal or Refusal.NARROWED)
        return said

    def _pair(self, house: HouseId) -> KeyPair:
        seed = self.master.index(KeyClass.ROOT, house)
        return KeyPair.from_private_key(PrivateKey.from_bytes(seed, Algorithm.Ed25519))


def narrow(
    token: tuple[bytes, bytes],
    mine: Ed25519PrivateKey,
    guest: bytes,
    window: tuple[datetime, datetime],
    doors: Collection[DoorId],
) -> bytes:
    """Narrow a (token, root) for a guest's key, as its holder; no network, no box.

    The block is signed by the holder's own key, which the door asks for; raises
    TokenUnfit where the token cannot be narrowed.
    """
    secret = mine.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    pair = KeyPair.from_private_key(PrivateKey.from_bytes(secret, Algorithm.Ed25519))
    told = {"holder": guest, "starts": window[0], "ends": window[1]}
    block = BlockBuilder(GUEST, told)
    named = ", ".join(f'"{door}"' for door in sorted(doors))
    block.add_code(f"check if open($d), [{named}].contains($d);")
    try:
        root = PublicKey.from_bytes(token[1], Algorithm.Ed25519)
        whole = Biscuit.from_bytes(token[0], root)
        request = whole.third_party_request()
        signed = request.create_block(pair.private_key, block)
        longer = whole.append_third_party(pair.public_key, signed)
    except (BiscuitValidationError, ValueError) as error:
        raise TokenUnfit("this is not a token that can be narrowed") from error
    return bytes(longer.to_bytes())


def _said(found: Biscuit, authorizer: Authorizer) -> Token:
    key, holder = _one(authorizer, OWN, 2)
    ids = tuple(found.revocation_ids)
    if not isinstance(key, str) or not isinstance(holder, bytes):
        return replace(NOTHING, ids=ids)
    own = Token(EKeyId(key), holder, ids)
    if found.block_count() == 1:
        return own
    giver = found.block_external_key(1)
    if found.block_count() > WITH_GUEST or giver is None:
        return replace(own, refusal=Refusal.WRONG_HOLDER)
    if bytes(giver.to_bytes()) != holder:
        return replace(own, refusal=Refusal.WRONG_HOLDER)
    [guest] = _one(authorizer, _of_block(giver), 1)
    if not isinstance(guest, bytes):
        return replace(own, refusal=Refusal.WRONG_HOLDER)
    return Token(EKeyId(key), guest, ids)


def _of_block(giver: PublicKey) -> Rule:
    return Rule("is($k) <- holder($k) trusting {giver}", {}, {"giver": giver})


def _one(authorizer: Authorizer, rule: Rule, count: int) -> list[object]:
    """Return the terms of the one fact that a rule gives; nothing where not one."""
    found = authorizer.query(rule)
    return list(found[0].terms) if len(found) == 1 else [None] * count
