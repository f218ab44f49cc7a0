"""What the init system hears of a program, on a real notification socket."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from porch.supervise import supervise
from tests.system.test_broker_link import until

PERIOD = 0.05
ENOUGH = 10


@pytest.fixture
def init_system(tmp_path: Path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)  # noqa: FBT003 - socket's own signature
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(PERIOD * 2_000_000)))
        yield heard


async def served(heard: socket.socket, *, alive: bool, reads: bool = True):
    """Run a program for 20 watchdog periods; return what it told the init system."""
    told: list[bytes] = []

    async def listen() -> None:
        while reads:
            told.append(await asyncio.get_running_loop().sock_recv(heard, 100))
        await asyncio.Event().wait()

    async def end() -> None:
        await asyncio.sleep(PERIOD * 20)
        if alive and reads:
            await until(lambda: told.count(b"WATCHDOG=1") >= ENOUGH)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    await supervise({"end": end, "listen": listen}, lambda: alive)
    return [*told, *left(heard)]


def left(heard: socket.socket):
    while True:
        try:
            yield heard.recv(100)
        except BlockingIOError:
            return


async def test_a_program_says_ready_and_feeds_the_watchdog(init_system) -> None:
    told = await served(init_system, alive=True)
    assert told[0] == b"READY=1"
    assert told[-1] == b"STOPPING=1"
    assert told.count(b"WATCHDOG=1") >= ENOUGH


async def test_a_program_that_no_longer_judges_starves_the_watchdog(
    init_system,
) -> None:
    assert b"WATCHDOG=1" not in await served(init_system, alive=False)


async def test_an_init_system_that_reads_nothing_stops_nobody(init_system) -> None:
    told = await served(init_system, alive=True, reads=False)
    assert told[0] == b"READY=1"


async def test_a_task_that_fails_is_started_again() -> None:
    starts = 0

    async def fails() -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        raise OSError

    await supervise({"fails": fails}, lambda: True)
    assert starts == 2
