"""Who may speak to a running program on its own machine, and what is kept of it."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.demo.programs import Program, ask, free_port, lodge
from gateway.settings import LodgeSettings
from gateway.wiring.readers import file_of
from ledger.book import Book
from porch.control import Admitted, bind, only_one
from porch.errors import AlreadyRunning
from tests.fakes import FixedClock
from tests.system.test_broker_link import until

NOBODY = 65534
ROOT = os.geteuid() == 0
SPEAKS = """
import os, socket, sys
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
line = socket.socket(socket.AF_UNIX)
line.settimeout(5)
line.connect({path!r})
try:
    line.sendall(b"POST {verb} HTTP/1.1\\r\\nHost: l\\r\\nContent-Length: 2\\r\\n"
                 b"Content-Type: application/json\\r\\n\\r\\n{{}}")
    told = line.recv(1000)
except OSError:
    told = b""
sys.exit(0 if told else 9)
"""


def box_at(folder: Path) -> Program:
    config = str(folder / "lodge.toml")
    return Program(lodge("run", "--config", config), folder.with_suffix(".log"))


async def heard(uid: int, path: Path, verb: str) -> bool:
    """Say whether an account that says a verb to a socket gets any answer."""
    told = SPEAKS.format(uid=uid, path=str(path), verb=verb)
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", told)
    assert await run.wait() in {0, 9}
    return run.returncode == 0


def free(database: Path) -> bool:
    """Say whether no program runs on a ledger."""
    try:
        with only_one(database):
            return True
    except AlreadyRunning:
        return False


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Path]:
    """A box that runs, with whatever broker there is: none answers here."""
    folder, port = tmp_path / "b", str(free_port())
    await ask("init", str(folder), "--plain", "--port", port)
    program = box_at(folder)
    await program.start()
    await until((folder / "run" / "lodge.sock").exists)
    yield folder
    await program.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_socket_and_folder_are_the_owners_alone(box: Path) -> None:
    assert mode(box / "run") == 0o700
    assert mode(box / "run" / "lodge.sock") == 0o600


async def test_a_socket_is_never_anybody_elses_not_for_a_moment(tmp_path: Path) -> None:
    """Also where its folder stood open before, as it did in the first boxes."""
    seen: list[int] = []
    tell = os.umask(0)
    try:
        real = socket.socket.bind

        def watched(self, address) -> None:
            real(self, address)
            seen.append(mode(Path(address)))

        socket.socket.bind = watched
        bind(tmp_path / "l.sock", Admitted()).close()
    finally:
        os.umask(tell)
        del socket.socket.bind
    assert seen == [0o600]


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
async def test_whoever_else_reaches_the_socket_is_not_heard(box: Path) -> None:
    path = box / "run" / "lodge.sock"
    for each in (path, *path.parents):  # as a careless operator opens it
        if mode(each) & 0o007 == 0:
            each.chmod(mode(each) | 0o007)
    for verb in ("/landlord", "/pair", "/lock/unlock", "/key/token", "/readers"):
        assert not await heard(NOBODY, path, verb), verb
    assert await heard(os.getuid(), path, "/landlord")


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_a_configured_group_may_and_no_other() -> None:
    admitted = Admitted.of("daemon")
    gid = admitted.gid
    assert admitted.admits(NOBODY, gid)
    assert not admitted.admits(NOBODY, NOBODY)
    assert not admitted.admits(-1, gid)
    assert not Admitted().admits(NOBODY, 0)


def test_a_folder_for_a_group_is_open_to_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "l.sock"
    bind(path, Admitted(gid=os.getgid())).close()
    assert (mode(path.parent), mode(path)) == (0o750, 0o660)


async def test_what_is_said_is_on_record_with_who_said_it(
    box: Path, clock: FixedClock
) -> None:
    config = ("--config", str(box / "lodge.toml"))
    await ask("landlord", "second", *config)
    book = Book(file_of(LodgeSettings.load(box / "lodge.toml")), clock)
    query = "SELECT kind FROM audit"
    kinds = await book.read(lambda c: c.exec_driver_sql(query).scalars().all())
    book.close()
    assert f"control/{os.getuid()}/landlord" in kinds


async def test_a_second_program_does_not_harm_the_first(box: Path) -> None:
    config = str(box / "lodge.toml")
    before = (box / "run" / "lodge.sock").stat().st_ino
    for more in ({}, {"LODGE_WEB__PORT": str(free_port())}):
        second = await asyncio.create_subprocess_exec(
            *lodge("run", "--config", config),
            stderr=subprocess.PIPE,
            env={**os.environ, **more},
        )
        _, told = await second.communicate()
        assert second.returncode == 2
        assert told.decode().startswith("lodge: ")
        assert told.count(b"\n") == 1
        assert b"end that one first" in told
    assert (box / "run" / "lodge.sock").stat().st_ino == before
    await ask("landlord", "third", "--config", config)


async def test_twenty_starts_at_once_leave_one_that_works(tmp_path: Path) -> None:
    folder, port = tmp_path / "b", str(free_port())
    await ask("init", str(folder), "--plain", "--port", port)
    many = [
        await asyncio.create_subprocess_exec(
            *lodge("run", "--config", str(folder / "lodge.toml")),
            stderr=subprocess.DEVNULL,
        )
        for _ in range(6)
    ]
    try:
        async with asyncio.timeout(60):
            await until(lambda: sum(each.returncode == 2 for each in many) == 5)
            await until((folder / "run" / "lodge.sock").exists)
        await ask("landlord", "second", "--config", str(folder / "lodge.toml"))
    finally:
        for each in many:
            if each.returncode is None:
                each.terminate()
                await each.wait()


async def test_a_killed_program_leaves_nothing_in_the_way(box: Path) -> None:
    path = box / "run" / "lodge.sock"
    with pytest.raises(AlreadyRunning), only_one(box / "lodge.db"):
        pass
    with pytest.raises(AlreadyRunning):
        bind(path, Admitted())
    killer = await asyncio.create_subprocess_exec(
        "pkill", "-KILL", "-f", f"gateway.cli run --config {box}/lodge.toml"
    )
    await killer.wait()
    await until(lambda: free(box / "lodge.db"))
    assert path.exists()
    bind(path, Admitted()).close()


async def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        await ask("init", str(folder), "--plain", "--port", port)
        run = await asyncio.create_subprocess_exec(
            *lodge("run", "--config", str(folder / "lodge.toml")),
            stderr=subprocess.PIPE,
        )
        _, told = await run.communicate()
    assert run.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use" in told.decode()
