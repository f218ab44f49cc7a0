"""Keypad code to unlock command while strangers hold the pages' door shut.

A thousand half-sent requests and ten uploads that nobody asked for, kept up by another
process on loopback as long as is measured, and no longer than a minute.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from bench.broker import box_on
from bench.door import keyed, timed
from bench.figure import Figure, quantile
from gateway.demo.programs import BrokerProgram, free_port
from gateway.web.site import site
from porch.app import server

HALF_OPEN, UPLOADS, LONGEST = 1000, 10, 60.0
ROUNDS = 3
HALF = b"GET /sign-in HTTP/1.1\r\nHost: box\r\nX-Slow: "
PART = b"x" * 65536
UPLOAD = (
    b"POST /tenant/faces HTTP/1.1\r\nHost: box\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 32505856\r\n\r\n"
)


async def measure(folder: Path) -> list[Figure]:
    """Return the p99 of an opening beside such strangers, against without them."""
    broker = BrokerProgram(folder / "broker", free_port(), keeps=False)
    await broker.start()
    try:
        async with box_on(broker, folder / "box") as gateway:
            pin = await keyed(gateway)
            web = gateway.settings.web
            pages = server(site(gateway.rooms), web)
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(pages.serve())
                while not pages.started:
                    await asyncio.sleep(0.01)
                idle, rude = [], []
                for _ in range(ROUNDS):  # in turns, as the machine itself has moods
                    await asyncio.sleep(2)
                    idle += await timed(broker, pin)
                    strangers = await asyncio.create_subprocess_exec(
                        sys.executable, "-m", "bench.rude", str(web.port)
                    )
                    await asyncio.sleep(2)
                    rude += await timed(broker, pin)
                    strangers.terminate()
                    await strangers.wait()
                pages.should_exit = True
                await serving
    finally:
        await broker.stop()
    what = (
        f"door while {HALF_OPEN} half-open connections and {UPLOADS} uploads, p99: "
        f"{1000 * quantile(rude, 0.99):.2f} ms against idle"
    )
    slower = quantile(rude, 0.99) / quantile(idle, 0.99)
    return [Figure(what, slower, "×", 2)]


async def _half_open(port: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HALF)
            await reader.read()  # until the box lets it go
            writer.close()
        await asyncio.sleep(1)


async def _upload(port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(UPLOAD)
            for _ in range(496):
                writer.write(PART)
                await writer.drain()
            writer.close()
        await asyncio.sleep(0.2)


async def _strangers(port: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as tasks:
            for _ in range(HALF_OPEN):
                tasks.create_task(_half_open(port))
            for _ in range(UPLOADS):
                tasks.create_task(_upload(port))


if __name__ == "__main__":
    asyncio.run(_strangers(int(sys.argv[1])))
