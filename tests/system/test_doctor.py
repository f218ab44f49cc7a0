"""What the doctor says of the running worker that looks at faces: the kernel's word."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.programs import ask
from gateway.examination import examine
from gateway.examination.check import Check
from gateway.settings import LodgeSettings
from tests.system.test_broker_link import until
from tests.system.test_control_socket import box

__all__ = ["box"]
FREE = (sys.executable, "-c", "import sys; sys.stdin.read()")


async def worker_of(config: Path) -> Check:
    [found] = [
        each
        for each in await asyncio.to_thread(examine, config)
        if each.check == "face worker"
    ]
    return found


async def test_the_running_worker_is_shut_in(box: Path) -> None:
    config = box / "lodge.toml"
    found = await worker_of(config)
    for _ in range(60):
        if found.ok:
            break
        await asyncio.sleep(0.5)
        found = await worker_of(config)
    assert found.ok, found
    assert "no powers" in found.detail


@pytest.fixture
async def stopped(tmp_path: Path) -> LodgeSettings:
    """Make a box whose socket somebody else answers at, or nobody."""
    await ask("init", str(tmp_path / "b"), "--plain")
    return LodgeSettings.load(tmp_path / "b" / "lodge.toml")


async def test_of_a_box_that_does_not_run_nothing_is_known(
    stopped: LodgeSettings,
) -> None:
    found = await worker_of(stopped.home / "lodge.toml")
    assert not found.ok
    assert (found.detail, "start the box" in found.fix) == ("not known", True)


async def told_by(settings: LodgeSettings, answer: Mapping[str, Any]) -> Check:
    """Return what the doctor says where a box answers so."""
    raw = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"

    async def answers(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head % len(raw) + raw)
        writer.close()

    path = settings.at(settings.socket)
    path.parent.mkdir(exist_ok=True)
    async with await asyncio.start_unix_server(answers, path):
        await until(path.exists)
        return await worker_of(settings.home / "lodge.toml")


async def test_a_worker_that_nothing_holds_is_named(stopped: LodgeSettings) -> None:
    free = await asyncio.create_subprocess_exec(*FREE, stdin=asyncio.subprocess.PIPE)
    try:
        answer = {"pid": free.pid, "account": "its own account", "why": ""}
        found = await told_by(stopped, answer)
    finally:
        free.kill()
        await free.wait()
    assert not found.ok
    assert "filters nothing" in found.detail
    assert "gain powers" in found.detail


async def test_why_no_worker_runs_is_told(stopped: LodgeSettings) -> None:
    why = "libseccomp is missing: apt install libseccomp2"
    found = await told_by(stopped, {"pid": None, "account": "", "why": why})
    assert not found.ok
    assert why in found.detail


async def test_a_worker_that_has_just_ended_is_not_called_good(
    stopped: LodgeSettings,
) -> None:
    gone = {"pid": 2**22 + 1, "account": "its own account", "why": ""}
    assert not (await told_by(stopped, gone)).ok
