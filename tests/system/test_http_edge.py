"""What pages take from anybody who can reach them: how many, how large, how slowly."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

import porch.connections
import porch.guard
from gateway.demo.programs import Program, ask, free_port, lodge
from porch.app import Server
from porch.connections import Connections, site_of
from station.wiring import Station, init
from tests.serving import serving

MEGA = 1024 * 1024
PART = b"x" * 65536


@asynccontextmanager
async def served(folder: Path, **web) -> AsyncIterator[tuple[Station, Server]]:
    settings = init(folder, "127.0.0.1", free_port(), plain=True)
    settings.web = settings.web.model_copy(update=web)
    async with serving(settings) as found:
        yield found


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    async with served(tmp_path / "station") as (found, _):
        yield found


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[tuple[Program, int]]:
    """A station as a process of its own, and its port."""
    port = free_port()
    folder = tmp_path / "p"
    await ask("station", "init", str(folder), "--plain", "--port", str(port))
    config = str(folder / "station.toml")
    found = Program(lodge("station", "run", "--config", config), tmp_path / "p.log")
    await found.start()
    await found.answers(f"http://127.0.0.1:{port}/healthz")
    yield found, port
    await found.stop()


def resident(pid: int) -> int:
    """Return how many bytes of memory a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def opened(port: int, said: bytes, source: str = "127.0.0.1"):
    """Open a connection from an address of loopback, and say something."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0)
    )
    writer.write(said)
    return reader, writer


def head(path: str, *more: str, method: str = "POST") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: here", *more, "", "")
    return "\r\n".join(lines).encode()


async def status(reader: asyncio.StreamReader, within: float = 10) -> int:
    async with asyncio.timeout(within):
        line = await reader.readline()
    return int(line.split()[1]) if line else 0


async def look(port: int, source: str = "127.0.0.1") -> int:
    reader, writer = await opened(port, head("/healthz", method="GET"), source)
    try:
        return await status(reader)
    except OSError:
        return 0  # closed at once
    finally:
        writer.close()


async def test_a_thousand_half_sent_requests_shut_nobody_out(
    program: tuple[Program, int], tmp_path: Path
) -> None:
    running, port = program
    half = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
    async with AsyncExitStack() as stack:
        for _ in range(1004):
            try:
                _, writer = await opened(port, half)
            except OSError:
                continue
            stack.callback(writer.close)
        for source in ("127.0.0.1", "127.0.0.2"):  # his own machine, and another
            before = time.monotonic()
            while await look(port, source) != 200:
                assert source == "127.0.0.1"  # whoever is at another one at once
                await asyncio.sleep(0.1)
            assert time.monotonic() - before < 2
        files = list(Path(f"/proc/{running.pid}/fd").iterdir())  # noqa: ASYNC240
        assert len(files) < porch.connections.IN_ALL + 64
    assert (tmp_path / "p.log").stat().st_size < 50_000


async def test_many_sources_leave_room_for_another(
    program: tuple[Program, int],
) -> None:
    _, port = program
    half = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
    async with AsyncExitStack() as stack:
        for number in range(400):
            source = f"127.0.{number % 7}.{9 + number % 11}"
            try:
                _, writer = await opened(port, half, source)
            except OSError:
                continue
            stack.callback(writer.close)
        assert await look(port, "127.0.9.9") == 200


async def test_who_says_nothing_whole_is_let_go(tmp_path: Path, monkeypatch) -> None:
    """A byte now and then does not make it last."""
    monkeypatch.setattr(porch.connections, "HEAD_WITHIN", 0.5)
    async with served(tmp_path / "s") as (found, pages):
        port = found.settings.web.port
        for said in (b"", b"GET / HT", head("/healthz", method="GET")):
            reader, writer = await opened(port, said)
            if said.endswith(b"\r\n\r\n"):
                assert await status(reader) == 200
            began = time.monotonic()
            async with asyncio.timeout(5):
                while await asyncio.wait_for(reader.read(1000), 5):
                    writer.write(b"x")
            assert time.monotonic() - began < 3
            writer.close()
        await asyncio.sleep(0.2)
        assert not pages.config.connections.known


async def test_uploads_of_nobody_are_not_taken(program: tuple[Program, int]) -> None:
    running, port = program
    before = resident(running.pid)

    async def upload() -> int:
        told = head("/boxes", f"Content-Length: {31 * MEGA}")
        reader, writer = await opened(port, told)
        try:
            for _ in range(31 * MEGA // len(PART)):
                writer.write(PART)
                async with asyncio.timeout(5):
                    await writer.drain()
        except (OSError, TimeoutError):
            pass
        found = 0
        try:
            found = await status(reader)
        except OSError:
            found = 401  # cut off while it was still sending
        writer.close()
        return found

    assert set(await asyncio.gather(*(upload() for _ in range(10)))) <= {401, 413}
    assert resident(running.pid) - before < 15 * MEGA


async def test_a_chunked_body_has_the_same_limit(program: tuple[Program, int]) -> None:
    running, port = program
    before = resident(running.pid)
    for path, length in (("/api/v1/reports", 400), ("/api/v1/pair", 30 * 1024)):
        more = ("Transfer-Encoding: chunked", "Content-Type: application/json")
        reader, writer = await opened(port, head(path, *more))
        try:
            for _ in range(length):
                writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
                await writer.drain()
            found = await status(reader)
        except OSError:
            found = 413  # cut off
        writer.close()
        assert found == 413
    assert resident(running.pid) - before < 15 * MEGA


async def test_a_large_json_is_refused_by_its_length(station: Station) -> None:
    told = ("Content-Type: application/json", f"Content-Length: {30 * MEGA}")
    reader, writer = await opened(
        station.settings.web.port, head("/api/v1/pair", *told) + b"{"
    )
    assert await status(reader) == 413
    assert b"urn:lodge:problem:too_long" in await reader.read()
    writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for(
    station: Station, monkeypatch
) -> None:
    monkeypatch.setattr(porch.guard, "WITHIN", 0.5)
    told = head("/api/v1/pair", "Content-Length: 100", "Content-Type: application/json")
    reader, writer = await opened(station.settings.web.port, told + b"{")
    began = time.monotonic()
    assert await status(reader) == 408
    assert time.monotonic() - began < 3
    writer.close()


async def test_a_long_cookie_costs_nothing(station: Station) -> None:
    cookie = 'lodge="' + "\\a" * 7000 + '"'
    address = station.settings.web.address
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        for path in ("/", "/sign-in", "/static/lodge.css", "/nowhere"):
            await client.get(f"{address}{path}", headers={"Cookie": cookie})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("http://{}", True),
        ("https://{}", False),
        ("http://127.0.0.1", False),
        ("null", False),
        ("http://box.example", True),
        ("https://box.example", False),
    ],
)
async def test_an_origin_is_scheme_host_and_port(
    tmp_path: Path,
    origin: str,
    good: bool,  # noqa: FBT001 - a row of the table
) -> None:
    async with served(tmp_path / "s", url="http://box.example") as (found, _):
        where = f"127.0.0.1:{found.settings.web.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"http://{where}/language",
                data={"to": "en"},
                headers={"Origin": origin.format(where)},
            )
    assert (answer.status_code == 303) is good


async def test_nobody_is_believed_for_whom_he_asks(station: Station) -> None:
    """Eight tries under as many made-up addresses are still one source's."""
    address, seen = station.settings.web.address, []
    async with httpx.AsyncClient(trust_env=False) as client:
        for number in range(40):
            answer = await client.post(
                f"{address}/sign-in",
                data={"name": f"n{number}", "password": "wrong"},
                headers={"X-Forwarded-For": f"10.0.0.{number}"},
            )
            seen.append(answer.status_code)
    assert 429 in seen


async def test_every_answer_says_not_to_guess_its_kind(station: Station) -> None:
    address = station.settings.web.address
    async with httpx.AsyncClient(trust_env=False) as client:
        for path in ("/sign-in", "/static/lodge.css", "/healthz", "/none", "/"):
            answer = await client.get(f"{address}{path}")
            assert answer.headers["x-content-type-options"] == "nosniff", path
            # Its own authority is no reason to forbid a way round its warning.
            assert "strict-transport-security" not in answer.headers


def test_sources_of_ipv6_count_by_site() -> None:
    assert site_of(("2001:db8::1", 1, 0, 0)) == site_of(("2001:db8::ff:1", 2, 0, 0))
    assert site_of(("2001:db8:0:1::1", 1, 0, 0)) != site_of(("2001:db8::1", 1))
    assert site_of(("::ffff:10.0.0.1", 1, 0, 0)) == site_of(("10.0.0.1", 9))
    assert site_of(("fe80::1%eth0", 1, 0, 2)) == site_of(("fe80::2%eth0", 1, 0, 2))
    assert site_of("") == "here"


class Busy:
    busy = True


def test_whoever_is_being_answered_stays() -> None:
    """Room is made of those that only wait; where all are busy the new one waits."""
    book, every = Connections(per_source=2, in_all=3), []

    def come(number: int, source: str = "10.0.0.1"):
        near, far = socket.socketpair()
        taken = book.take(near, (source, number), float(number))
        every.extend((near, far, *filter(None, [taken])))
        return taken

    first, second = come(1), come(2)
    book.serves(("10.0.0.1", 1), Busy())
    third = come(3)
    assert set(book.known) == {first, third}
    assert second not in book.known
    book.serves(("10.0.0.1", 3), Busy())
    assert come(4) is None
    assert come(5, "10.0.0.2") is not None
    book.serves(("10.0.0.2", 5), Busy())
    assert come(6, "10.0.0.3") is None
    for each in every:
        each.close()
    assert (book.known, book.peers, book.sources) == ({}, {}, {})
