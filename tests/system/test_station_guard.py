"""What a station takes from each box, and what officers leave behind."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

import station.service
from cloud_sync.adapters.pairing import pair
from cloud_sync.adapters.station import StationRegistry
from cloud_sync.model import Outcome
from gateway.demo.people import Browser, StoryBroken
from ledger.rows import audit
from porch.accounts import Role
from station.wiring import Station
from tests.contract.test_registry import dispatch, running

__all__ = ["running"]
OFFICER = "long enough"


async def joined(found: Station, box: str) -> StationRegistry:
    key = Ed25519PrivateKey.generate()
    code = (await found.admitting.admit(f"label of {box}")).code
    return StationRegistry(key, await pair(found.settings.web.address, code, box, key))


def of(box: str, registration: str = "registration", **changes):
    told = dispatch(**changes)
    told.report["registration"] = registration
    key = replace(told.key, box=box, registration=registration)
    return replace(told, key=key)


@pytest.fixture
async def officer(running: Station):
    code = await running.accounts.add("officer", Role.OFFICER)
    async with Browser.open(running.settings.web.address) as found:
        await found.begin("officer", code)
        yield found


async def test_a_house_of_another_box_waits_for_an_officer(
    running: Station, officer: Browser
) -> None:
    first, second = await joined(running, "b1"), await joined(running, "b2")
    assert (await first.send(of("b1"))).outcome is Outcome.ACCEPTED
    for _ in range(2):
        assert (await second.send(of("b2"))).outcome is Outcome.LATER
    page = await officer.look("/boxes")
    assert "label of b2" in page
    house = of("b1").report["house"]
    where = {"area": house["area"], "addr": house["addr"]}
    await officer.send("/boxes/b2/addresses", where)
    assert (await second.send(of("b2"))).outcome is Outcome.ACCEPTED
    for each in (first, second):
        await each.close()


async def test_a_revoked_box_is_not_heard_until_it_is_admitted_again(
    running: Station, officer: Browser
) -> None:
    box = await joined(running, "b1")
    assert (await box.send(of("b1"))).outcome is Outcome.ACCEPTED
    await officer.send("/boxes/b1/revoke", {})
    answer = await box.send(of("b1", version=2))
    assert answer.outcome is Outcome.LATER
    assert "never admitted" in answer.reason
    again = await joined(running, "b1")
    assert (await again.send(of("b1", version=2))).outcome is Outcome.ACCEPTED
    await officer.send("/boxes/b1/revoke", {})
    other = await joined(running, "b2")  # what a revoked one reported holds nobody
    assert (await other.send(of("b2"))).outcome is Outcome.ACCEPTED
    for each in (box, again, other):
        await each.close()


async def test_one_box_that_floods_costs_itself_alone(
    running: Station, monkeypatch
) -> None:
    monkeypatch.setattr(station.service, "BURST", 5)
    monkeypatch.setattr(station.service, "A_SECOND", 0.001)
    flooding, honest = await joined(running, "b1"), await joined(running, "b2")
    told = [of("b1", f"r{number}") for number in range(12)]
    answers = [await flooding.send(each) for each in told]
    assert [each.outcome for each in answers].count(Outcome.ACCEPTED) == 5
    assert answers[-1].outcome is Outcome.LATER
    other = of("b2")
    other.report["house"] = {**other.report["house"], "addr": "elsewhere"}
    assert (await honest.send(other)).outcome is Outcome.ACCEPTED
    for each in (flooding, honest):
        await each.close()


async def test_an_officers_stream_ends_with_his_session(
    running: Station, officer: Browser
) -> None:
    address = running.settings.web.address
    cookies = httpx.Cookies(officer.client.cookies)
    async with (
        httpx.AsyncClient(cookies=cookies, trust_env=False, timeout=30) as client,
        client.stream("GET", f"{address}/api/v1/occupancy/events") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: open"
        await officer.send("/account/sign-out", {})
        async with asyncio.timeout(15):
            async for _ in lines:
                pass


async def test_what_officers_do_is_on_record(
    running: Station, officer: Browser
) -> None:
    await officer.look("/")
    await officer.send("/boxes", {"label": "a house"})
    kinds = await running.book.read(lambda c: c.execute(select(audit.c.kind)).all())
    assert {"looked/board", "box/admission"} <= {row.kind for row in kinds}


async def test_what_weighs_much_wants_a_password_typed_lately(
    running: Station, officer: Browser, monkeypatch
) -> None:
    await joined(running, "b1")
    monkeypatch.setattr("porch.sessions.FRESH", timedelta(0))
    with pytest.raises(StoryBroken, match="the password once more"):
        await officer.send("/boxes/b1/revoke", {})
    assert not (await running.admitting.every())[0].revoked
    monkeypatch.undo()
    told = {"password": "not it, surely", "back": "/boxes"}
    await officer.send("/account/confirm", told, refused=403)
    await officer.send("/boxes/b1/revoke", {})
    assert (await running.admitting.every())[0].revoked
