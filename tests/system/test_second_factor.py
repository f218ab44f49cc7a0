"""A second factor: each code good once, an officer never without one."""

import asyncio
from datetime import timedelta

import pyotp
import pytest

from gateway.demo.people import Browser
from ledger.attempts import Attempts
from ledger.book import Book
from porch.accounts import Account, Accounts, Caller, Role, SignInRefused
from porch.factors import PAPER_CODES, STEP, new_secret
from station.wiring import Station
from tests.contract.test_registry import running
from tests.fakes import FixedClock

__all__ = ["running"]
GOOD, HOME = "ten characters", Caller("10.0.0.2")


@pytest.fixture
async def accounts(book: Book, clock: FixedClock) -> Accounts:
    made = Accounts(book, clock, Attempts(book, clock, b"s" * 32), b"s" * 32)
    code = await made.add("officer", Role.OFFICER)
    await made.set_password("officer", code, GOOD, HOME)
    return made


def shown(secret: str, clock: FixedClock, steps: int = 0) -> str:
    at = clock.now() + timedelta(seconds=steps * STEP)
    return pyotp.TOTP(secret).at(at)


async def account(accounts: Accounts) -> Account:
    return await accounts.sign_in("officer", GOOD, HOME)


async def equipped(accounts: Accounts, clock: FixedClock) -> tuple[str, list[str]]:
    secret, found = new_secret(), await account(accounts)
    paper = await accounts.factors.put(found.id, secret, shown(secret, clock))
    return secret, paper


async def refused(accounts: Accounts, code: str) -> bool:
    try:
        await accounts.sign_in("officer", GOOD, HOME, code)
    except SignInRefused:
        accounts.attempts._tries.clear()
        return True
    return False


async def test_a_code_is_good_once_and_an_older_one_no_more(
    accounts: Accounts, clock: FixedClock
) -> None:
    secret, _ = await equipped(accounts, clock)
    assert await refused(accounts, "")
    assert await refused(accounts, shown(secret, clock))  # it set the factor up
    clock.move(timedelta(seconds=2 * STEP))
    code = shown(secret, clock)
    assert not await refused(accounts, f" {code[:3]} {code[3:]} ")
    assert await refused(accounts, code)
    assert await refused(accounts, shown(secret, clock, -1))
    clock.move(timedelta(seconds=-STEP))  # a clock that was set back revives none
    assert await refused(accounts, code)


async def test_a_phone_whose_clock_is_a_little_off_gets_in(
    accounts: Accounts, clock: FixedClock
) -> None:
    secret, _ = await equipped(accounts, clock)
    for off, out in ((1, False), (-2, True), (2, True)):
        clock.move(timedelta(minutes=10))
        assert await refused(accounts, shown(secret, clock, off)) is out


async def test_of_many_who_use_one_code_at_once_one_gets_in(
    accounts: Accounts, clock: FixedClock
) -> None:
    secret, paper = await equipped(accounts, clock)
    clock.move(timedelta(minutes=1))
    who = await accounts.find((await accounts._row("officer")).id)
    for code in (shown(secret, clock), paper[0]):
        tried = [accounts.factors.passes(who.id, code) for _ in range(20)]
        assert (await asyncio.gather(*tried)).count(True) == 1


async def test_each_code_on_paper_gets_in_once(
    accounts: Accounts, clock: FixedClock
) -> None:
    _, paper = await equipped(accounts, clock)
    assert len(set(paper)) == PAPER_CODES
    for code in paper:
        assert not await refused(accounts, code.lower().replace("-", " "))
        assert await refused(accounts, code)
    who = (await accounts._row("officer")).id
    assert await accounts.factors.papers(who) == 0


async def test_codes_are_guessed_no_faster_than_passwords(
    accounts: Accounts, clock: FixedClock
) -> None:
    secret, _ = await equipped(accounts, clock)
    good, tried = shown(secret, clock, 1), 0
    for guess in range(100):
        code = f"{guess:06}"
        if code == good:
            continue
        try:
            await accounts.sign_in("officer", GOOD, HOME, code)
        except SignInRefused:
            tried += 1
        except Exception:  # noqa: BLE001, S112 - whatever else is no look at it
            continue
    assert tried <= 8


async def test_a_wrong_code_sets_nothing_up_and_a_reset_takes_it_away(
    accounts: Accounts, clock: FixedClock
) -> None:
    who, secret = await account(accounts), new_secret()
    wrong = f"{(int(shown(secret, clock)) + 1) % 10**6:06}"
    assert await accounts.factors.put(who.id, secret, wrong) is None
    for rubbish in ("", "not base32!", "A"):
        assert await accounts.factors.put(who.id, rubbish, "000000") is None
    assert not await accounts.factors.has(who.id)
    await equipped(accounts, clock)
    assert await accounts.factors.has(who.id)
    code = await accounts.reset("officer", Role.OFFICER)
    await accounts.set_password("officer", code, GOOD, HOME)
    assert not await refused(accounts, "")


async def test_an_officer_comes_no_further_without_one(running: Station) -> None:
    address = running.settings.web.address
    code = await running.accounts.add("officer", Role.OFFICER)
    async with Browser.open(address) as found:
        told = {"name": "officer", "code": code, "password": GOOD}
        page = await found.send("/set-up", told)
        assert 'id="secret"' in page
        for path in ("/", "/boxes", "/counter", "/account"):
            assert 'id="secret"' in await found.look(path)
        for path in ("/api/v1/occupancy/events", "/board/houses"):
            plain = {"Accept": "application/json"}
            answer = await found.client.get(path, headers=plain)
            assert answer.status_code == 403, path
        secret = new_secret()
        wrong = {"secret": secret, "code": "000000"}
        await found.send("/account/factor", wrong, refused=422)
        good = {"secret": secret, "code": pyotp.TOTP(secret).now()}
        page = await found.send("/account/factor", good)
        assert page.count("<br>") >= PAPER_CODES
        assert "data-count" in await found.look("/")
