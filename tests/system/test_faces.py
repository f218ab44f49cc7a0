"""The real face worker, on real pictures: what it says, and how it is shut in."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest

from enrolment.adapters.faces import helper
from enrolment.adapters.faces.engine import FaceWorker
from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import FaceVerdict
from enrolment.rules.faces import assess
from gateway.demo.pictures import Pictures
from tests.system.drawn import (
    pictures,
    told,
    worker,
)

__all__ = ["pictures", "worker"]


async def test_one_person_on_two_photographs_is_the_same(
    worker: FaceWorker, pictures: Pictures
) -> None:
    found = await worker.compare(pictures.live, pictures.document)
    assert found.fault is None
    assert assess(found.similarity) is FaceVerdict.SAME
    assert len(found.template) == 128 * 4
    assert len(found.faces) == 2


async def test_another_person_is_not(worker: FaceWorker, pictures: Pictures) -> None:
    found = await worker.compare(pictures.other, pictures.document)
    assert assess(found.similarity) is FaceVerdict.DIFFERENT


async def test_a_worker_that_dies_is_a_clear_answer_and_comes_back(
    worker: FaceWorker, pictures: Pictures
) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    asking = asyncio.ensure_future(  # noqa: TID251 - a test's own task
        worker.compare(pictures.live, pictures.document)
    )
    await asyncio.sleep(0.1)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(FaceEngineDown):
        await asking
    assert (await worker.compare(pictures.live, pictures.document)).fault is None


async def test_a_worker_that_hangs_is_replaced(pictures: Pictures) -> None:
    worker = FaceWorker(answer_within=0.5, start_within=0.5)
    worker.command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(FaceEngineDown):
        await worker.compare(pictures.live, pictures.document)
    assert worker.pid is None


HANGS = """import json, sys, time
head = json.dumps({"ready": True, "filtered": True, "sizes": []}).encode()
sys.stdout.buffer.write(len(head).to_bytes(4) + head)
sys.stdout.flush()
time.sleep(600)
"""


async def test_a_worker_that_does_not_answer_is_killed(pictures: Pictures) -> None:
    worker = FaceWorker(answer_within=0.5, start_within=30)
    worker.command = (sys.executable, "-c", HANGS)
    await worker.start()
    hung = worker.pid
    with pytest.raises(FaceEngineDown):
        await worker.compare(pictures.live, pictures.document)
    assert worker.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)


async def test_a_worker_without_its_weights_does_not_start() -> None:
    worker = FaceWorker(command=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(FaceEngineDown):
        await worker.start()


async def test_what_the_worker_must_not_do_it_cannot(worker: FaceWorker) -> None:
    status, limits = (told(worker.pid, name) for name in ("status", "limits"))
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert re.search(r"Max file size +0 ", limits)
    assert re.search(r"Max core file size +0 ", limits)


@pytest.mark.parametrize(
    "act",
    [
        *("socket", "open", "fork", "exec", "truncate", "chmod", "link", "kill"),
        *("handle", "stat", "shared memory", "user"),
    ],
)
def test_the_sandbox_is_shut(act: str) -> None:
    acts = {
        "socket": "import socket; socket.socket()",
        "open": "open('/etc/hostname')",
        "fork": "os.fork()",
        "exec": "os.execv('/bin/true', ['true'])",
        "truncate": "os.truncate('/nowhere', 0)",
        "chmod": "os.chmod('/nowhere', 0)",
        "link": "os.link('/nowhere', '/elsewhere')",
        "kill": "os.kill(os.getppid(), 0)",
        # By which a deny-list let the master key be read, and its like.
        "handle": "call(lib.open_by_handle_at, 3, None, 0)",
        "stat": "os.stat('/etc/hostname')",
        "shared memory": "call(lib.shm_open, b'/x', 66, 384)",
        "user": "os.setuid(0)",
    }
    told = subprocess.run(
        [sys.executable, "-c", SHUT.format(acts[act])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "refused"


SHUT = """
import ctypes, os, socket
lib = ctypes.CDLL(None, use_errno=True)
def call(made, *told):
    if made(*told) < 0:
        raise OSError(ctypes.get_errno(), "")
from enrolment.adapters.faces.sandbox import shut_in
shut_in()
try:
    {}
except PermissionError:
    os.write(1, b"refused")
"""


UNSHUT = """
import sys
from enrolment.adapters.faces import sandbox
{}
try:
    sandbox.shut_in()
except sandbox.Unshut:
    print("refused", end="")
"""


LAYS_DOWN_LATE = """import os, sys
def reads_nothing_more(*_):
    assert "pyseccomp" in sys.modules, "its library may be where only root reads"
    raise PermissionError
os.geteuid, os.setgroups = lambda: 0, reads_nothing_more"""
LOADS_NOT = """import pyseccomp
def no(self): raise OSError
pyseccomp.SyscallFilter.load = no"""
LAYS_DOWN_NOTHING = """import os
def no(*_): raise PermissionError
os.geteuid, os.setgroups = lambda: 0, no"""


@pytest.mark.parametrize(
    "broken",
    [
        "sys.modules['pyseccomp'] = None",
        LOADS_NOT,
        LAYS_DOWN_NOTHING,
        LAYS_DOWN_LATE,
    ],
)
def test_what_cannot_be_shut_in_does_not_serve(broken: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", UNSHUT.format(broken)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "refused", told.stderr


async def test_a_worker_that_says_so_is_asked_nothing(caplog) -> None:
    says = (
        "import json, sys\n"
        "raw = json.dumps({'ready': False, 'why': 'x', 'sizes': []}).encode()\n"
        "sys.stdout.buffer.write(len(raw).to_bytes(4, 'big') + raw)\n"
        "sys.stdout.flush(); sys.stdin.read()"
    )
    worker = FaceWorker(command=(sys.executable, "-c", says))
    with pytest.raises(FaceEngineDown):
        await worker.start()
    assert "no face is looked at" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has powers to lay down")
async def test_roots_worker_has_no_powers(worker: FaceWorker) -> None:
    status = told(worker.pid, "status")
    assert re.search(r"Uid:\t65534\t65534\t65534\t65534", status)
    assert re.search(r"Gid:\t65534\t65534\t65534\t65534", status)
    assert re.search(r"Groups:\t *\n", status)
    assert re.search(r"CapEff:\t0+\n", status)


async def test_whoever_comes_to_a_long_queue_is_told_at_once() -> None:
    worker = FaceWorker(command=(sys.executable, "-c", "import time; time.sleep(9)"))
    waiting = [
        asyncio.ensure_future(worker.describe(b"x"))  # noqa: TID251 - a test's own
        for _ in range(helper.QUEUE_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(FaceEngineDown, match="too many"):
        await worker.describe(b"x")
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await worker.close()


async def test_who_stands_at_a_door_waits_for_one_other_at_most(
    worker: FaceWorker, pictures: Pictures
) -> None:
    order: list[str] = []

    async def ask(name: str, *, first: bool) -> None:
        await worker.measure([(0.0, pictures.live)], first=first)
        order.append(name)

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(ask(f"enrols {number}", first=False))
        await asyncio.sleep(0)
        tasks.create_task(ask("door", first=True))
    assert order.index("door") <= 2
