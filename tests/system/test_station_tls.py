"""Whoever stands between a box and its station hears nothing: its TLS key is known."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from cloud_sync.adapters.line import PinnedTLS
from cloud_sync.adapters.pairing import Pairing, pair
from cloud_sync.adapters.station import StationRegistry
from cloud_sync.model import NotPaired, Outcome, PairingRefused
from cloud_sync.signed import ServedKeys, key_name
from cloud_sync.wire import LIMIT, WireError
from gateway.demo.programs import free_port
from gateway.wiring.pairing import Stations
from ledger.clock import SystemClock
from ledger.rows import audit
from porch.authority import make_authority
from porch.certificates import read_certificate
from station.wiring import Station, StationSettings, init
from tests.contract.test_registry import BOX, dispatch
from tests.serving import serving

Middle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def settings(tmp_path: Path) -> StationSettings:
    return init(tmp_path / "station", "127.0.0.1", free_port(), plain=False)


def other_certificate(folder: Path) -> Path:
    """Make somebody else's certificate for the same address."""
    folder.mkdir()
    make_authority(folder, "127.0.0.1", SystemClock().now(), bytes)
    return folder


def take_over(settings: StationSettings, folder: Path) -> None:
    """Put the files of another TLS key in the place of the station's."""
    certificate, key = settings.web.certificate, settings.web.private_key
    assert certificate
    assert key
    certificate.write_bytes((folder / "server.pem").read_bytes())
    key.write_bytes((folder / "server.key").read_bytes())


class Impostor:
    """Ends TLS with a certificate of his own, hears all, and passes it on."""

    def __init__(
        self,
        folder: Path,
        station: int,
        says: Callable[[str], tuple[bytes, bytes]] | None = None,
    ) -> None:
        """Stand before a station; `says` answers in its place for its TLS keys."""
        self.heard, self.port, self._says = b"", free_port(), says
        self._station = station
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "server.pem", folder / "server.key")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def standing(self, middle: Middle | None = None) -> AsyncIterator[None]:
        async with await asyncio.start_server(
            middle or self._pass_on, "127.0.0.1", self.port, ssl=self.tls
        ):
            yield

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        there, out = await asyncio.open_connection(
            "127.0.0.1", self._station, ssl=anybody
        )

        async def back() -> None:
            while part := await there.read(65536):
                writer.write(part)

        async with asyncio.TaskGroup() as both:
            both.create_task(back())
            while part := await reader.read(65536):
                self.heard += part
                asked = re.match(rb"GET /api/v1/tls\?nonce=(\w+)", part)
                if asked and self._says:
                    status, body = self._says(asked[1].decode())
                    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
                    writer.write(head % (status, len(body)) + body)
                    break
                out.write(part)
            out.close()
        writer.close()


async def joined(found: Station, url: str = "") -> Pairing:
    code = (await found.admitting.admit("test")).code
    return await pair(url or found.settings.web.address, code, "box", BOX)


async def test_the_key_is_known_from_the_pairing_on(settings: StationSettings) -> None:
    async with serving(settings) as (found, _):
        pairing = await joined(found)
        registry = StationRegistry(BOX, pairing)
        answer = await registry.send(dispatch())
        told = await registry.time()
        await registry.close()
    assert settings.web.certificate
    assert pairing.tls == (key_name(read_certificate(settings.web.certificate)),)
    assert answer.outcome is Outcome.ACCEPTED
    assert told is not None


async def test_whoever_takes_the_address_is_told_nothing(
    settings: StationSettings, tmp_path: Path
) -> None:
    """He passes all on, the station's own signed words too; a report he never sees."""
    impostor = Impostor(other_certificate(tmp_path / "other"), settings.web.port)
    async with serving(settings) as (found, _), impostor.standing():
        registry = StationRegistry(BOX, await joined(found))
        await registry.send(dispatch())
        assert registry.pairing
        registry.pairing = replace(registry.pairing, url=impostor.url)
        answer = await registry.send(dispatch(2))
        told = await registry.time()
        await registry.close()
    assert (answer.outcome, told) == (Outcome.LATER, None)
    assert "TLS key" in answer.reason
    asked = [line for line in impostor.heard.splitlines() if b" HTTP/" in line]
    assert asked
    assert all(line.startswith(b"GET /api/v1/tls?nonce=") for line in asked)


async def test_pairing_through_somebody_joins_nobody_and_costs_no_code(
    settings: StationSettings, tmp_path: Path
) -> None:
    impostor = Impostor(other_certificate(tmp_path / "other"), settings.web.port)
    async with serving(settings) as (found, _), impostor.standing():
        code = (await found.admitting.admit("test")).code
        with pytest.raises(PairingRefused, match="TLS key"):
            await pair(impostor.url, code, "box", BOX)
        assert b"/api/v1/pair" not in impostor.heard
        assert not await found.admitting.every()
        assert await pair(settings.web.address, code, "box", BOX)


async def test_somebody_who_names_his_own_key_gets_nobody_joined(
    settings: StationSettings, tmp_path: Path
) -> None:
    """He answers for the station's keys, and passes everything else on."""
    folder = other_certificate(tmp_path / "other")
    name = key_name(read_certificate(folder / "server.pem"))

    def lies(nonce: str) -> tuple[bytes, bytes]:
        told = ServedKeys(nonce, (name,), "2026-11-30T04:00:00+00:00")
        return b"200 OK", told.by(Ed25519PrivateKey.generate()).encode()

    impostor = Impostor(folder, settings.web.port, lies)
    async with serving(settings) as (found, _), impostor.standing():
        code = (await found.admitting.admit("test")).code
        with pytest.raises(PairingRefused):
            await pair(impostor.url, code, "box", BOX)
        assert b"/api/v1/pair" in impostor.heard
        assert not await found.admitting.every()
        assert await pair(settings.web.address, code, "box", BOX)


async def test_a_box_whose_answer_was_lost_joins_anew_and_no_other_in_its_name(
    settings: StationSettings,
) -> None:
    other = Ed25519PrivateKey.generate()
    async with serving(settings) as (found, _):
        assert await joined(found)
        assert await joined(found)
        code = (await found.admitting.admit("test")).code
        with pytest.raises(PairingRefused):
            await pair(settings.web.address, code, "box", other)


async def test_the_old_keys_thief_does_not_pass_by_silence(
    settings: StationSettings, tmp_path: Path
) -> None:
    """Who answers the daily question himself, with anything, is told nothing."""
    assert settings.web.certificate
    old = settings.web.certificate.parent
    said = [(b"503 Busy", b""), (b"404 No", b"{}"), (b"200 OK", b"x"), (b"", b"")]
    thieves = [Impostor(old, settings.web.port, lambda _, a=a: a) for a in said]
    async with serving(settings) as (found, _):
        pairing = await joined(found)
    take_over(settings, other_certificate(tmp_path / "renewed"))
    async with serving(settings):
        for thief in thieves:
            registry = StationRegistry(BOX, replace(pairing, url=thief.url))
            async with thief.standing():
                answer = await registry.send(dispatch())
            await registry.close()
            assert answer.outcome is Outcome.LATER, answer
            assert b"/api/v1/reports" not in thief.heard


async def test_a_station_joined_meanwhile_is_not_overwritten(
    settings: StationSettings, tmp_path: Path
) -> None:
    path = tmp_path / "station.json"
    async with serving(settings) as (found, _):
        first = await joined(found)
        other = replace(first, url="https://192.0.2.9")
        other.write(path)
        registry = StationRegistry(BOX, other)
        salt = found.admitting.keys.salt
        stations = Stations(registry, "box", path, found.book, salt, lambda: None)
        await stations.succeed(first)  # it was asked before the other was joined
    assert Pairing.read(path) == other


@pytest.mark.parametrize(
    "head",
    [
        b"Retry-After: \xe9",
        b"Retry-After: 99999999999999999999",
        b"Retry-After: -1",
        b"Content-Encoding: gzip",
    ],
)
async def test_no_answer_of_anybody_breaks_the_box(
    settings: StationSettings, tmp_path: Path, head: bytes
) -> None:
    async def answers(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"[" * 100_000
        told = b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n" % len(body)
        writer.write(told + head + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    folder = other_certificate(tmp_path / "other")
    impostor = Impostor(folder, settings.web.port)
    async with serving(settings) as (found, _):
        pairing = await joined(found)
    name = key_name(read_certificate(folder / "server.pem"))
    registry = StationRegistry(BOX, replace(pairing, url=impostor.url, tls=(name,)))
    for asked in (True, False):  # beside the daily question, and at it
        registry._keys_asked = asyncio.get_running_loop().time() if asked else None
        async with impostor.standing(answers):
            answer = await registry.send(dispatch())
            assert await registry.time() is None
        assert answer.outcome in (Outcome.LATER, Outcome.UNKNOWN)
        assert answer.pause is None or answer.pause >= 0
        assert asked or answer.outcome is Outcome.LATER
    with pytest.raises(NotPaired):
        async with impostor.standing(answers):
            await pair(impostor.url, "code", "box", BOX)
    await registry.close()


@pytest.mark.parametrize("shown", [None, b"", b"rubbish", "old version"])
def test_what_is_no_certificate_is_a_stranger(
    settings: StationSettings, shown: bytes | str | None
) -> None:
    assert settings.web.certificate
    der = read_certificate(settings.web.certificate).public_bytes(Encoding.DER)
    if shown == "old version":
        assert b"\xa0\x03\x02\x01\x02" in der
        shown = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 1)
    tls = PinnedTLS(lambda: ("x",))
    with pytest.raises(ssl.SSLCertVerificationError):
        tls.look(shown)
    assert tls.strange


async def test_a_successor_is_taken_by_the_stations_word_and_kept(
    settings: StationSettings, tmp_path: Path
) -> None:
    path = tmp_path / "station.json"
    async with serving(settings) as (found, _):
        first = await joined(found)
    take_over(settings, other_certificate(tmp_path / "renewed"))
    async with serving(settings) as (found, _):
        registry = StationRegistry(BOX, first)
        salt = found.admitting.keys.salt
        stations = Stations(registry, "box", path, found.book, salt, lambda: None)
        registry.keep = stations.succeed
        answer = await registry.send(dispatch())
        await registry.close()
        links = await found.book.read(
            lambda c: c.execute(select(audit.c.kind)).scalars().all()
        )
    kept = Pairing.read(path)
    assert answer.outcome is Outcome.ACCEPTED
    assert kept is not None
    assert kept.tls
    assert kept.tls != first.tls
    assert kept.keys == first.keys
    assert "station_tls" in links


async def test_while_the_box_runs_a_renewal_costs_no_report(
    settings: StationSettings, tmp_path: Path
) -> None:
    """The line that was open is gone with the old program; its successor is met."""
    async with serving(settings) as (found, _):
        registry = StationRegistry(BOX, await joined(found))
        assert (await registry.send(dispatch())).outcome is Outcome.ACCEPTED
    take_over(settings, other_certificate(tmp_path / "renewed"))
    async with serving(settings):
        answers = [await registry.send(dispatch(version)) for version in (2, 3)]
        await registry.close()
    # The first may find the old line cut: nobody knows then, and it is asked again.
    assert answers[-1].outcome is Outcome.ACCEPTED
    assert answers[0].outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)


async def test_a_key_that_was_given_up_is_let_go(
    settings: StationSettings, tmp_path: Path
) -> None:
    """Whoever took the old key away stands between: the daily question finds out."""
    assert settings.web.certificate
    old = settings.web.certificate.parent
    impostor = Impostor(old, settings.web.port)
    async with serving(settings) as (found, _):
        pairing = replace(await joined(found), url=impostor.url)
    take_over(settings, other_certificate(tmp_path / "renewed"))
    async with serving(settings), impostor.standing():
        registry = StationRegistry(BOX, pairing)
        answer = await registry.send(dispatch())
        await registry.close()
    assert answer.outcome is Outcome.LATER
    assert b"/api/v1/reports" not in impostor.heard


async def test_a_box_paired_before_keys_were_kept_learns_the_key(
    settings: StationSettings,
) -> None:
    async with serving(settings) as (found, _):
        pairing = await joined(found)
        registry = StationRegistry(BOX, replace(pairing, tls=()))
        answer = await registry.send(dispatch())
        await registry.close()
    assert answer.outcome is Outcome.ACCEPTED
    assert registry.pairing == pairing


async def test_behind_a_proxy_the_proxys_key_is_named(
    settings: StationSettings, tmp_path: Path
) -> None:
    proxy = Impostor(other_certificate(tmp_path / "proxy"), settings.web.port)
    settings.proxy_certificate = tmp_path / "proxy" / "server.pem"
    async with serving(settings) as (found, _), proxy.standing():
        registry = StationRegistry(BOX, await joined(found, proxy.url))
        answer = await registry.send(dispatch())
        await registry.close()
    assert answer.outcome is Outcome.ACCEPTED


async def test_a_certificate_that_cannot_be_read_is_not_a_failure_of_the_box(
    settings: StationSettings,
) -> None:
    async with serving(settings) as (found, _):
        assert settings.web.certificate
        settings.web.certificate.write_text("half a fi")
        with pytest.raises(NotPaired, match="TLS key"):
            await joined(found)


async def test_an_answer_without_end_is_not_heard_out(
    settings: StationSettings, tmp_path: Path
) -> None:
    sent = 0

    async def endless(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            while sent < 64 * LIMIT:
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await writer.drain()
                sent += 0x10000

    impostor = Impostor(other_certificate(tmp_path / "other"), settings.web.port)
    async with impostor.standing(endless):
        with pytest.raises(NotPaired):
            await pair(impostor.url, "code", "box", BOX)
    assert sent < 32 * LIMIT


async def test_a_slow_answer_ends_in_time(
    settings: StationSettings, tmp_path: Path
) -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await asyncio.sleep(0.1)

    folder = other_certificate(tmp_path / "other")
    impostor = Impostor(folder, settings.web.port)
    async with serving(settings) as (found, _):
        pairing = await joined(found)
    name = key_name(read_certificate(folder / "server.pem"))
    told = replace(pairing, url=impostor.url, tls=(name,))
    registry = StationRegistry(BOX, told, answer_within=0.5)
    registry._keys_asked = asyncio.get_running_loop().time()
    async with impostor.standing(drips), asyncio.timeout(8):
        answer = await registry.send(dispatch())
    await registry.close()
    assert answer.outcome is Outcome.UNKNOWN


async def test_another_machine_is_not_spoken_to_in_plain_text() -> None:
    with pytest.raises(PairingRefused, match="https"):
        await pair("http://192.0.2.1:8444", "code", "box", BOX)


STATION = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


@pytest.mark.parametrize(
    ("nonce", "by", "spoilt"),
    [
        ("b" * 32, STATION, b""),
        ("a" * 32, BOX, b""),
        ("a" * 32, STATION, b'"tls":["ff'),
        ("a" * 32, STATION, b'"tls":[7'),
        ("a" * 32, STATION, b'"v":2'),
    ],
)
def test_only_the_stations_answer_to_this_question_names_keys(
    nonce: str, by: Ed25519PrivateKey, spoilt: bytes
) -> None:
    told = ServedKeys("a" * 32, ("aa",), "2026-11-30T04:00:00+00:00").by(by).encode()
    if spoilt:
        begins = spoilt.split(b":")[0]
        assert begins in told
        told = told.replace(begins + told.split(begins)[1][:3], spoilt, 1)
    with pytest.raises(WireError):
        ServedKeys.decode(told, nonce, STATION.public_key())
