"""Keeps a program's tasks alive, and tells the init system how it is."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)
PAUSE_FIRST = 0.5
PAUSE_MAX = 30.0
STEADY = 60.0
Task = Callable[[], Awaitable[None]]


def tell_init(word: str) -> None:
    """Say a word to the init system (sd_notify), where it listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    where = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)  # noqa: FBT003 - socket's own signature
        try:
            line.connect(where)
            line.send(word.encode())
        except OSError as error:
            # An init system that does not listen must not stop the doors.
            log.warning("the init system was not told: %s", type(error).__name__)


async def supervise(tasks: Mapping[str, Task], alive: Callable[[], bool]) -> None:
    """Run tasks until the program is told to end; one that fails is started again.

    The watchdog is fed while the loop turns and `alive` says so.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_kept(*each)) for each in tasks.items()]
        running.append(group.create_task(_watched(alive)))
        tell_init("READY=1")
        await over.wait()
        tell_init("STOPPING=1")
        for task in running:
            task.cancel()


async def _kept(name: str, task: Task) -> None:
    pause = PAUSE_FIRST
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            await task()
        except Exception as error:
            # The log's formatter keeps the kind and the place, never the text.
            log.exception("%s failed: %s", name, type(error).__name__)
        if loop.time() - started > STEADY:
            pause = PAUSE_FIRST
        await asyncio.sleep(pause)
        pause = min(pause * 2, PAUSE_MAX)


async def _watched(alive: Callable[[], bool]) -> None:
    period = int(os.environ.get("WATCHDOG_USEC", "10000000")) / 2_000_000
    while True:
        if alive():
            tell_init("WATCHDOG=1")
        await asyncio.sleep(period)
