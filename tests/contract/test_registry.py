"""The registry port: the fake, and a real station, keep the same promises."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

import station.wiring
from cloud_sync.adapters.pairing import Pairing, pair
from cloud_sync.adapters.station import StationRegistry
from cloud_sync.model import Dispatch, NotPaired, Outcome, PairingRefused
from cloud_sync.ports import Registry
from cloud_sync.signed import Refusal, SignedTime
from cloud_sync.wire import Key, WireError
from gateway.demo.programs import free_port
from ledger.clock import SystemClock
from ledger.ids import new_id
from ledger.rows import audit
from station.adapters.store import LedgerOccupancy, LedgerReports
from station.wiring import Station, init
from tests.fakes import FakeRegistry
from tests.serving import serving
from tests.unit.test_wire import report

BOX = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
KEY = Key("box", "epoch", "registration", 1, "police")


def dispatch(version: int = 1, **changes) -> Dispatch:
    told = {**report(), "version": version, **changes}
    return Dispatch(replace(KEY, version=version), version, told)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Station]:
    settings = init(tmp_path / "station", "127.0.0.1", free_port(), plain=True)
    async with serving(settings) as (found, _):
        yield found


async def paired(found: Station) -> StationRegistry:
    code = (await found.admitting.admit("test")).code
    joined = await pair(found.settings.web.address, code, "box", BOX)
    return StationRegistry(BOX, joined)


@pytest.fixture(params=["fake", "station"])
async def registry(request, running: Station) -> AsyncIterator[Registry]:
    if request.param == "fake":
        yield FakeRegistry()
        return
    real = await paired(running)
    yield real
    await real.close()


async def test_a_report_is_accepted_with_a_receipt(registry: Registry) -> None:
    answer = await registry.send(dispatch())
    assert answer.outcome is Outcome.ACCEPTED
    assert answer.receipt


async def test_the_same_report_twice_has_one_effect_and_one_receipt(
    registry: Registry,
) -> None:
    first = await registry.send(dispatch())
    again = await registry.send(dispatch())
    assert (first.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
    assert first.receipt == again.receipt


async def test_many_at_once_have_one_effect(running: Station) -> None:
    real = await paired(running)
    answers = await asyncio.gather(*(real.send(dispatch()) for _ in range(20)))
    await real.close()
    assert {answer.outcome for answer in answers} == {Outcome.ACCEPTED}
    assert len({answer.receipt for answer in answers}) == 1


async def occupants(running: Station) -> int:
    return await LedgerOccupancy(running.book).count()


async def test_another_report_under_a_used_key_is_rejected(running: Station) -> None:
    real = await paired(running)
    await real.send(dispatch())
    answer = await real.send(dispatch(kind="correction"))
    await real.close()
    assert answer.outcome is Outcome.REJECTED


async def test_a_late_arrival_does_not_undo_a_departure(running: Station) -> None:
    real = await paired(running)
    await real.send(dispatch(2, kind="departure"))
    answer = await real.send(dispatch(1))
    await real.close()
    assert answer.outcome is Outcome.ACCEPTED
    assert await occupants(running) == 0


async def test_a_correction_of_who_has_left_brings_nobody_back(
    running: Station,
) -> None:
    real = await paired(running)
    stay = {**report()["stay"], "moved_out": report()["stay"]["planned_out"]}
    for version, changes in (
        (1, {}),
        (2, {"kind": "departure", "stay": stay}),
        (3, {"kind": "correction", "stay": stay}),
    ):
        await real.send(dispatch(version, **changes))
    await real.close()
    assert await occupants(running) == 0


async def test_a_field_beyond_the_schema_is_rejected_by_name(running: Station) -> None:
    real = await paired(running)
    answer = await real.send(dispatch(portrait="…"))
    await real.close()
    assert answer.outcome is Outcome.REJECTED
    assert "report" in answer.reason
    assert await occupants(running) == 0


async def test_a_box_that_was_never_admitted_waits_for_it(running: Station) -> None:
    """Its reports are not wrong: an officer admits it, or admits it again."""
    real = await paired(running)
    stranger = StationRegistry(BOX, real.pairing)
    key = replace(KEY, box="stranger")
    answer = await stranger.send(Dispatch(key, 1, report()))
    await stranger.close()
    await real.close()
    assert answer.outcome is Outcome.LATER
    assert "never admitted" in answer.reason


async def test_a_pairing_code_works_once(running: Station) -> None:
    code = (await running.admitting.admit("test")).code
    address = running.settings.web.address
    await pair(address, code, "box", BOX)
    with pytest.raises(PairingRefused):
        await pair(address, code, "another", BOX)


async def test_a_wrong_pairing_code_joins_nobody(running: Station) -> None:
    await running.admitting.admit("test")
    with pytest.raises(PairingRefused):
        await pair(running.settings.web.address, "AAAA-AAAA-AAAA-AAAA", "box", BOX)
    assert not await running.admitting.every()


async def test_pairing_with_nobody_there_says_so() -> None:
    with pytest.raises(NotPaired):
        await pair(f"http://127.0.0.1:{free_port()}", "code", "box", BOX)


RUBBISH = [b"", b"not json", b"{}", b"[1]", b'{"v":1}', b"\xff" * 100]


class Stub:
    """A station that misbehaves: answers bytes as told, or hangs, or cuts the line."""

    def __init__(self, answer: bytes | None, *, hang: bool = False) -> None:
        self.answer, self.hang = answer, hang

    async def __aenter__(self) -> str:
        self.port, self.over, self.serving = free_port(), asyncio.Event(), []
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        return f"http://127.0.0.1:{self.port}"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.over.set()
        await asyncio.gather(*self.serving)
        await self.server.wait_closed()

    async def serve(self, reader, writer) -> None:
        self.serving.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        if self.hang:
            await self.over.wait()
        elif self.answer is not None:
            writer.write(self.answer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


async def answered(answer: bytes | None, *, hang: bool = False):
    async with Stub(answer, hang=hang) as url:
        keys = Ed25519PrivateKey.generate().public_key()
        sealing = X25519PrivateKey.generate()
        within = 0.3 if hang else 10.0
        real = StationRegistry(
            BOX, Pairing(url, keys, sealing.public_key()), answer_within=within
        )
        found = await real.send(dispatch())
        await real.close()
        return found


@pytest.mark.parametrize("body", RUBBISH)
async def test_rubbish_with_200_is_not_believed(body: bytes) -> None:
    assert (await answered(http(200, body))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.UNKNOWN),
        (403, Outcome.UNKNOWN),
        (404, Outcome.UNKNOWN),
        (409, Outcome.UNKNOWN),
        (422, Outcome.UNKNOWN),
        (429, Outcome.LATER),
        (500, Outcome.UNKNOWN),
        (502, Outcome.UNKNOWN),
        (503, Outcome.LATER),
    ],
)
async def test_a_status_means_what_it_says(status: int, outcome: Outcome) -> None:
    assert (await answered(http(status))).outcome is outcome


def refused(asked: bytes, by: Ed25519PrivateKey) -> bytes:
    bare = Refusal(sha256(asked).hexdigest(), "unfit", "2026-11-30", "station")
    return json.dumps({"refusal": bare.by(by).document()}).encode()


async def test_only_the_stations_own_no_to_this_very_report_is_a_no(
    running: Station,
) -> None:
    """An impostor on the way answers at once, with what he has heard or made up."""
    real = await paired(running)
    mine, others = b"what was asked", b"what was asked another time"
    station, impostor = running.admitting.keys.signing, BOX
    for content in (
        b"",
        b"[]",
        b"{}",
        b'{"refusal": 1}',
        refused(mine, impostor),
        refused(others, station),
        refused(mine, station)[:-2],
    ):
        answer = httpx.Response(422, content=content)
        assert real._refused(mine, answer).outcome is Outcome.UNKNOWN
    answer = httpx.Response(422, content=refused(mine, station))
    assert real._refused(mine, answer).outcome is Outcome.REJECTED
    await real.close()


async def test_a_busy_station_may_name_the_pause() -> None:
    found = await answered(http(429, b"", "Retry-After: 7"))
    assert found.pause == 7.0


async def test_a_station_that_hangs_leaves_the_outcome_unknown() -> None:
    assert (await answered(None, hang=True)).outcome is Outcome.UNKNOWN


async def test_a_line_cut_after_sending_leaves_the_outcome_unknown() -> None:
    assert (await answered(None)).outcome is Outcome.UNKNOWN


async def test_a_station_tells_the_time_signed_and_once(running: Station) -> None:
    real = await paired(running)
    told = await real.time()
    now = SystemClock().now()
    assert told is not None
    assert abs(now - told) < timedelta(seconds=5)
    real.pairing = replace(real.pairing, signing=BOX.public_key())
    assert await real.time() is None
    await real.close()


@pytest.mark.parametrize("body", RUBBISH)
async def test_rubbish_is_not_taken_for_the_time(body: bytes) -> None:
    async with Stub(http(200, body)) as url:
        keys = X25519PrivateKey.generate().public_key()
        real = StationRegistry(BOX, Pairing(url, BOX.public_key(), keys))
        assert await real.time() is None
        await real.close()


def test_a_time_told_to_another_question_is_not_believed() -> None:
    told = SignedTime("a" * 32, "2030-01-01T00:00:00+00:00").by(BOX).encode()
    assert SignedTime.decode(told, "a" * 32, BOX.public_key()).year == 2030
    with pytest.raises(WireError):
        SignedTime.decode(told, "b" * 32, BOX.public_key())
    later = told.replace(b"2030", b"2040")
    with pytest.raises(WireError):
        SignedTime.decode(later, "a" * 32, BOX.public_key())


async def test_a_station_that_is_away_is_asked_later() -> None:
    signing = Ed25519PrivateKey.generate().public_key()
    sealing = X25519PrivateKey.generate().public_key()
    away = Pairing(f"http://127.0.0.1:{free_port()}", signing, sealing)
    for pairing in (None, away):
        real = StationRegistry(BOX, pairing)
        assert (await real.send(dispatch())).outcome is Outcome.LATER
        await real.close()


async def effects(found: Station) -> int:
    """Say how often a report took effect whose first answer was lost."""
    real = await paired(found)
    for _ in range(2):
        await real.send(dispatch())
    await real.close()
    query = select(func.count()).where(audit.c.kind == "report")
    return await found.book.read(lambda c: c.execute(query).scalar_one())


async def test_an_accepted_report_whose_answer_was_lost_is_not_doubled(
    running: Station,
) -> None:
    assert await effects(running) == 1
    assert await occupants(running) == 1


@pytest.fixture
def forgetful(monkeypatch) -> None:
    """Let the station keep each report under a key of its own making."""

    class Forgetful(LedgerReports):
        def keep(self, page, key, digest, receipt):
            LedgerReports.keep(self, page, f"{key}/{new_id()}", digest, receipt)

    monkeypatch.setattr(station.wiring, "LedgerReports", Forgetful)


@pytest.mark.usefixtures("forgetful")
async def test_broken_variant_of_a_station_without_idempotency_doubles(
    running: Station,
) -> None:
    assert await effects(running) == 2


@pytest.mark.parametrize("raw", [b"", b"{}", b"x" * 1000, b"x" * 300_000])
async def test_intake_answers_rubbish_with_a_problem_document(
    running: Station, raw: bytes
) -> None:
    url = f"{running.settings.web.address}/api/v1/reports"
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(url, content=raw)
    assert response.status_code in {400, 413}
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) >= {"type", "status", "title", "title_zh"}


def test_the_stations_files_are_its_owners_alone(tmp_path: Path) -> None:
    station.wiring.init(tmp_path / "s", "127.0.0.1", 1, plain=True)
    for name in ("master.key", "signing.key", "sealing.key"):
        assert (tmp_path / "s" / "keys" / name).stat().st_mode & 0o077 == 0
