"""Passkeys: each answer once, to its own question, of its own site, by its holder."""

import asyncio
import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import timedelta

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.attempts import Attempts
from ledger.book import Book
from ledger.errors import Conflict, TooManyAttempts
from porch.accounts import SOURCE, Account, Accounts, Caller, Role, SignInRefused
from porch.passkeys import CHALLENGE_LIVES, MOST, Passkeys, TooManyPasskeys
from tests.fakes import FixedClock

SITE = "https://lodge.example:8443"
HOME = Caller("10.0.0.2")
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Phone:
    """A phone that keeps one passkey, as the standard has it (WebAuthn, 6)."""

    origin: str = SITE
    site: str = "lodge.example"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    number: bytes = field(default_factory=lambda: b"\x07" * 32)
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def make(self, options: dict) -> dict:
        at = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32), -3: at.y.to_bytes(32)}
        held = struct.pack(">16xH", len(self.number)) + self.number + cbor2.dumps(cose)
        made = self._data(self.flags | ATTESTED) + held
        attested = {"fmt": "none", "attStmt": {}, "authData": made}
        told = {"attestationObject": url64(cbor2.dumps(attested))}
        return self._answer("webauthn.create", options, told)

    def show(self, options: dict) -> dict:
        data = self._data(self.flags)
        said = self._said("webauthn.get", options)
        signed = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        told = {"authenticatorData": url64(data), "signature": url64(signed)}
        return self._answer("webauthn.get", options, told)

    def _data(self, flags: int) -> bytes:
        site = hashlib.sha256(self.site.encode()).digest()
        return site + struct.pack(">BI", flags, self.count)

    def _said(self, what: str, options: dict) -> bytes:
        told = {"type": what, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(told).encode()

    def _answer(self, what: str, options: dict, told: dict) -> dict:
        said = {"clientDataJSON": url64(self._said(what, options))}
        number = url64(self.number)
        return {
            "id": number,
            "rawId": number,
            "type": "public-key",
            "response": {**said, **told},
            "clientExtensionResults": {},
        }


@pytest.fixture
def accounts(book: Book, clock: FixedClock) -> Accounts:
    return Accounts(book, clock, Attempts(book, clock, b"s" * 32), b"s" * 32)


@pytest.fixture
def passkeys(accounts: Accounts) -> Passkeys:
    return Passkeys(accounts, SITE)


async def holder(accounts: Accounts, name: str = "landlord") -> Account:
    code = await accounts.add(name, Role.LANDLORD)
    return await accounts.set_password(name, code, "ten characters", HOME)


async def kept(passkeys: Passkeys, account: Account, phone: Phone) -> Phone:
    made = phone.make(await passkeys.begin_adding(account))
    await passkeys.add(account.id, made, "a browser")
    return phone


async def refused(passkeys: Passkeys, shown: dict, account: str = "") -> bool:
    try:
        await passkeys.prove(shown, HOME, account)
    except SignInRefused:
        passkeys.accounts.attempts._tries.clear()
        return True
    return False


async def test_a_passkey_signs_in_its_holder(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    found = await passkeys.prove(phone.show(passkeys.begin_proving()), HOME)
    assert (found.id, found.role) == (account.id, Role.LANDLORD)
    assert found.proof == account.proof
    [held] = await passkeys.every(account.id)
    assert held.used is not None
    await passkeys.remove("somebody else", held.id)
    assert await passkeys.every(account.id)
    await passkeys.remove(account.id, held.id)
    assert await refused(passkeys, phone.show(passkeys.begin_proving()))


async def test_an_answer_counts_once_and_not_late(
    accounts: Accounts, passkeys: Passkeys, clock: FixedClock
) -> None:
    phone = await kept(passkeys, await holder(accounts), Phone())
    shown = phone.show(passkeys.begin_proving())
    assert await passkeys.prove(shown, HOME)
    assert await refused(passkeys, shown)
    late = phone.show(passkeys.begin_proving())
    clock.move(CHALLENGE_LIVES)
    assert await refused(passkeys, late)
    both = [phone.show(passkeys.begin_proving())] * 2
    asked = (refused(passkeys, each) for each in both)
    assert sorted(await asyncio.gather(*asked)) == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://lodge.example.evil"},
        {"origin": "https://lodge.example"},  # another port is another site
        {"origin": "http://lodge.example:8443"},
        {"site": "evil.example"},
        {"flags": PRESENT},  # somebody touched it, nobody was asked who he is
        {"flags": 0},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"number": b"\x08" * 32},
    ],
)
async def test_of_another_site_phone_or_nobody_it_opens_nothing(
    accounts: Accounts, passkeys: Passkeys, wrong: dict
) -> None:
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    other = Phone(**{"key": phone.key, **wrong})
    assert await refused(passkeys, other.show(passkeys.begin_proving()))
    if "key" not in wrong and "number" not in wrong:
        with pytest.raises(SignInRefused):
            await kept(passkeys, account, Phone(**{"number": b"\x09" * 32, **wrong}))


async def test_a_question_is_answered_for_whom_and_what_it_was_asked(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    one, two = await holder(accounts), await holder(accounts, "other")
    phone = await kept(passkeys, one, Phone())
    others = await kept(passkeys, two, Phone(number=b"\x09" * 32))
    assert await refused(passkeys, phone.show(passkeys.begin_proving(two.id)), one.id)
    assert await refused(passkeys, phone.show(passkeys.begin_proving(two.id)), two.id)
    assert await refused(passkeys, phone.show(passkeys.begin_proving(one.id)))
    assert await refused(passkeys, phone.show(await passkeys.begin_adding(one)))
    assert not await refused(
        passkeys, others.show(passkeys.begin_proving(two.id)), two.id
    )
    made = Phone(number=b"\x0a" * 32).make(await passkeys.begin_adding(two))
    with pytest.raises(SignInRefused):
        await passkeys.add(one.id, made, "")
    elsewhere = Passkeys(accounts, SITE)
    assert await refused(passkeys, phone.show(elsewhere.begin_proving()))


async def test_a_copied_passkey_is_found_out(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    phone = await kept(passkeys, await holder(accounts), Phone(count=5))
    phone.count = 9
    assert await passkeys.prove(phone.show(passkeys.begin_proving()), HOME)
    for behind in (9, 7, 0):
        phone.count = behind
        assert await refused(passkeys, phone.show(passkeys.begin_proving()))


async def test_who_is_shut_out_or_reset_has_none(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    await accounts.rest("landlord", Role.LANDLORD, disabled=True)
    assert await refused(passkeys, phone.show(passkeys.begin_proving()))
    await accounts.rest("landlord", Role.LANDLORD, disabled=False)
    assert not await refused(passkeys, phone.show(passkeys.begin_proving()))
    code = await accounts.reset("landlord", Role.LANDLORD)
    assert await refused(passkeys, phone.show(passkeys.begin_proving()))
    # Whoever has the old password, or a session, makes one before the code is used.
    thief = await kept(passkeys, account, Phone(number=b"\x09" * 32))
    await accounts.set_password("landlord", code, "another password", HOME)
    assert await refused(passkeys, thief.show(passkeys.begin_proving()))


async def test_a_question_names_nobody_and_nobody_has_too_many(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    account = await holder(accounts)
    for number in range(MOST):
        await kept(passkeys, account, Phone(number=bytes([number]) * 32))
    asked = passkeys.begin_proving()
    assert not asked.get("allowCredentials")
    assert asked["userVerification"] == "required"
    with pytest.raises(TooManyPasskeys):
        await passkeys.begin_adding(account)
    other = await holder(accounts, "other")
    asked = [await passkeys.begin_adding(other) for _ in range(MOST + 1)]
    made = [Phone(number=bytes([40 + n]) * 32).make(a) for n, a in enumerate(asked)]
    for each in made[:MOST]:
        await passkeys.add(other.id, each, "")
    with pytest.raises(Conflict):
        await passkeys.add(other.id, made[MOST], "")


async def test_wrong_ones_slow_their_source_and_rubbish_is_refused(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    good = (await kept(passkeys, await holder(accounts), Phone())).show
    rubbish = [
        {},
        {"rawId": 7, "response": {}},
        {"response": {"clientDataJSON": "!"}},
        {"response": {"clientDataJSON": url64(b"[" * 10_000)}},
        {"response": {"clientDataJSON": url64(b'{"challenge": 7}')}},
        {"response": {"clientDataJSON": url64(b'{"challenge": "\xc3\xa9"}')}},
        {"response": {"clientDataJSON": url64(b'{"challenge": ""}')}},
        {**good(passkeys.begin_proving()), "rawId": "\x00"},
        {**good(passkeys.begin_proving()), "type": 7},
        {**good(passkeys.begin_proving()), "id": "x"},
    ]
    spoilt = good(passkeys.begin_proving())
    spoilt["response"]["authenticatorData"] = "AA"
    for each in [*rubbish, spoilt]:
        assert await refused(passkeys, each), each
    for _ in range(SOURCE.free):
        with pytest.raises(SignInRefused):
            await passkeys.prove({}, HOME)
    with pytest.raises(TooManyAttempts):
        await passkeys.prove({}, HOME)
    made = Phone(number=b"\x0b" * 32)
    account = await holder(accounts, "third")
    for spoil in ({"attestationObject": "AA"}, {"attestationObject": url64(b"\xa0")}):
        told = made.make(await passkeys.begin_adding(account))
        told["response"].update(spoil)
        with pytest.raises(SignInRefused):
            await passkeys.add(account.id, told, "")
    assert not await passkeys.every(account.id)


@pytest.mark.parametrize(
    ("address", "offered"),
    [
        ("https://lodge.example", True),
        ("https://192.0.2.7:8443", False),  # browsers refuse a bare address
        ("https://[2001:db8::1]", False),
        ("http://127.0.0.1:8443", False),
        ("http://localhost:8443", True),
        ("http://lodge.example", False),
    ],
)
def test_they_are_offered_where_browsers_take_them(
    passkeys: Passkeys, address: str, *, offered: bool
) -> None:
    assert Passkeys(passkeys.accounts, address).offered is offered


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Lodge.Example", "https://lodge.example"),
        ("https://lodge.example:443", "https://lodge.example"),
        ("https://häus.example:8443", "https://xn--hus-qla.example:8443"),
        ("http://localhost:80", "http://localhost"),
    ],
)
async def test_browsers_write_an_address_in_their_way(
    accounts: Accounts, address: str, origin: str
) -> None:
    passkeys = Passkeys(accounts, address)
    site = origin.split("//")[1].split(":", maxsplit=1)[0]
    phone = await kept(passkeys, await holder(accounts), Phone(origin, site))
    assert await passkeys.prove(phone.show(passkeys.begin_proving()), HOME)


async def test_where_none_is_offered_none_is_made_or_taken(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    """What no page shows is no way in: an address that no browser takes."""
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    bare = Passkeys(accounts, "https://192.0.2.7:8443")
    with pytest.raises(SignInRefused):
        await bare.begin_adding(account)
    with pytest.raises(SignInRefused):
        bare.begin_proving()
    assert await refused(bare, phone.show(passkeys.begin_proving()))


async def test_a_known_browser_waits_for_nobody_elses_tries(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    known = Caller(HOME.source, await accounts.known(account, ""))
    for _ in range(SOURCE.free):
        with pytest.raises(SignInRefused):
            await passkeys.prove({}, HOME)
    with pytest.raises(TooManyAttempts):
        await passkeys.prove(phone.show(passkeys.begin_proving()), HOME)
    assert await passkeys.prove(phone.show(passkeys.begin_proving()), known)


async def test_a_passkey_whose_name_has_no_end_is_not_kept(
    accounts: Accounts, passkeys: Passkeys
) -> None:
    with pytest.raises(SignInRefused):
        await kept(passkeys, await holder(accounts), Phone(number=b"x" * 4000))


async def test_a_password_of_before_begins_no_session_beside_a_passkey(
    accounts: Accounts, passkeys: Passkeys, clock: FixedClock
) -> None:
    """What proves a session is the account as it stands, also by a passkey."""
    account = await holder(accounts)
    phone = await kept(passkeys, account, Phone())
    await accounts.change_password(account.id, "ten characters", "another one", HOME)
    clock.move(timedelta(seconds=1))
    found = await passkeys.prove(phone.show(passkeys.begin_proving()), HOME)
    assert found.proof != account.proof
