"""Real Zephyr SMP servers, prebuilt in smpclient's source distribution."""

import asyncio
import json
import os
import re
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

from intelhex import IntelHex

from gateway.demo.programs import free_port
from gateway.demo.reader import virtual_line
from tests.conftest import CACHE

SERVERS = CACHE / "peers" / "servers"
BUILD = "zephyr_4.4.0_smp_server_0eae053d"
NATIVE = f"{BUILD}_native_sim_serial_bigrx.exe"
MICROBIT = f"{BUILD}_qemu_cortex_m0_serial"
QEMU = Path("/usr/bin/qemu-system-arm")
LOADER = Path("/lib/ld-linux.so.2")
PTY = re.compile(rb"connected to pseudotty: (\S+)")
BOOTING, SERVING = b"*** Booting MCUboot", b"smp_sample: build time"


def server(name: str) -> Path:
    """Return a server's file, held to the sums that came with it."""
    found = SERVERS / name
    sums = (SERVERS / "SHA256SUMS").read_text()
    told = next(line.split()[0] for line in sums.splitlines() if line.endswith(name))
    assert sha256(found.read_bytes()).hexdigest() == told
    return found


@asynccontextmanager
async def native_sim(folder: Path) -> AsyncIterator[str]:
    """Run Zephyr as a program of this machine; yield its port."""
    program = server(NATIVE)
    program.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        str(program), cwd=folder, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(10):
            while (line := await process.stdout.readline()) and not PTY.search(line):
                pass
        yield PTY.search(line)[1].decode()
    finally:
        process.kill()
        await process.wait()


class Gdb:
    """As much of gdb's remote protocol as it takes to write flash."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    async def say(self, words: str) -> str:
        raw = words.encode()
        self.writer.write(b"$" + raw + b"#%02x" % (sum(raw) & 0xFF))
        await self.reader.readuntil(b"$")
        answer = await self.reader.readuntil(b"#")
        await self.reader.readexactly(2)
        self.writer.write(b"+")
        return answer[:-1].decode()


class Microbit:
    """MCUboot and Zephyr on an emulated micro:bit; flash outlives a restart.

    QEMU writes a file given by `-device loader` again at every restart, which undoes
    each swap: flash is written once, through the debugger. Its emulated UART stays deaf
    for good when bytes reach it before the server does: until the server says that it
    is there, what it is asked is lost, as on a board whose UART is not on yet.
    """

    def __init__(self) -> None:
        self.end, self.path = virtual_line()
        self.process: Process | None = None
        self.wire: socket.socket | None = None
        self.serving, self.said = asyncio.Event(), b""

    async def start(self) -> None:
        debugger, monitor, line = free_port(), free_port(), free_port()
        self.process = await asyncio.create_subprocess_exec(
            *(str(QEMU), "-cpu", "cortex-m0", "-machine", "microbit", "-nographic"),
            *("-S", "-gdb", f"tcp:127.0.0.1:{debugger}", "-monitor", "none"),
            *("-qmp", f"tcp:127.0.0.1:{monitor},server=on,wait=off"),
            *("-chardev", f"socket,id=c,host=127.0.0.1,port={line},server=on,wait=off"),
            *("-serial", "chardev:c"),
            stdout=DEVNULL,
        )
        await self._load(debugger)
        self._join(line)
        await self._go(monitor)
        async with asyncio.timeout(20):
            await self.serving.wait()

    async def _load(self, port: int) -> None:
        gdb = Gdb(*await _connected(port))
        image = IntelHex(str(server(f"{MICROBIT}.merged.hex")))
        for first, last in image.segments():
            raw = image.tobinstr(first, last - 1)
            for place in range(0, len(raw), 1024):
                part = raw[place : place + 1024]
                told = f"M{first + place:x},{len(part):x}:{part.hex()}"
                assert await gdb.say(told) == "OK"
        assert await gdb.say("D") == "OK"
        await _closed(gdb.writer)

    async def _go(self, port: int) -> None:
        reader, writer = await _connected(port)
        await reader.readline()
        for word in ("qmp_capabilities", "system_reset", "cont"):
            writer.write(json.dumps({"execute": word}).encode() + b"\n")
            while b'"return"' not in await reader.readline():
                pass
        await _closed(writer)

    def _join(self, port: int) -> None:
        wire = socket.create_connection(("127.0.0.1", port))
        wire.setblocking(False)  # noqa: FBT003 - socket's own signature
        loop = asyncio.get_running_loop()
        self.wire = wire
        loop.add_reader(self.end, self._ask)
        loop.add_reader(wire, self._answer)

    def _ask(self) -> None:
        with suppress(OSError):
            asked = os.read(self.end, 4096)
            if self.serving.is_set():
                self.wire.send(asked)

    def _answer(self) -> None:
        with suppress(OSError):
            answer = self.wire.recv(4096)
            os.write(self.end, answer)
            self.said += answer
            for word, act in (
                (BOOTING, self.serving.clear),
                (SERVING, self.serving.set),
            ):
                if word in self.said:
                    act()
                    self.said = self.said.partition(word)[2]
            self.said = self.said[-len(SERVING) :]

    async def stop(self) -> None:
        if self.wire is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.end)
            loop.remove_reader(self.wire)
            self.wire.close()
        self.process.kill()
        await self.process.wait()


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(600):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
    raise TimeoutError


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


def program_of(name: str) -> tuple[bytes, int]:
    """Return a signed image's program and its header's size."""
    raw = server(name).read_bytes()
    head = int.from_bytes(raw[8:10], "little")
    size = int.from_bytes(raw[12:16], "little")
    return raw[head : head + size], head
