"""Broker, station and box as processes of their own, on loopback."""

import asyncio
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

READY_WITHIN = 60.0
PORTS = range(10_000, 32_000)
HANDED_OUT: set[int] = set()
ENDS_WITHIN = 8.0
USER = "lodge"
MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
{store}set_tcp_nodelay true
max_queued_messages 100000
user {user}
"""
STORE = """persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
"""
AMQTT = """listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


class ProgramFailed(Exception):
    """A program did not start, or answered what it should not; see its log."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on now.

    Below those that outgoing connections take; none is handed out twice.
    """
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        if port in HANDED_OUT:
            continue
        HANDED_OUT.add(port)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def mosquitto() -> str | None:
    """Return where Mosquitto is installed; Debian keeps it off a user's path."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(slots=True)
class Program:
    """One process of ours, its log, and how it is ended."""

    command: tuple[str, ...]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    _process: Process | None = None

    async def start(self) -> None:
        """Start the process; what it says goes to its log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End the process, by force once it takes too long."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        if self._process is None or self._process.returncode is not None:
            raise ProgramFailed(f"{self.command[-3:]} is not running: {self.log}")
        return self._process.pid

    async def answers(self, url: str) -> None:
        """Return once the program answers 200 at its address."""
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(int(READY_WITHIN / 0.05)):
                _ = self.pid
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        raise ProgramFailed(f"{url} was not ready in time: {self.log}")


@dataclass(slots=True)
class BrokerProgram:
    """A broker on loopback: Mosquitto with a password, or amqtt for the demo alone."""

    folder: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    keeps: bool = True
    rules: Path | None = None
    _program: Program | None = None

    @property
    def version(self) -> str:
        """The MQTT version that this broker speaks."""
        return "5" if mosquitto() else "3.1.1"

    async def start(self) -> None:
        """Start the broker and return once it listens."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "broker.conf"
        found = mosquitto()
        if found is None:
            config.write_text(AMQTT.format(port=self.port), encoding="utf-8")
            command = [sys.executable, "-m", "amqtt.scripts.broker_script"]
        else:
            passwords = self.folder / "passwords"
            passwords.touch(mode=0o600)
            told = (str(passwords), USER, self.password)
            await output("mosquitto_passwd", "-b", *told)
            text = MOSQUITTO.format(
                port=self.port,
                folder=self.folder,
                user=getpass.getuser(),
                store=STORE.format(folder=self.folder) if self.keeps else "",
            )
            if self.rules is not None:
                text += f"acl_file {self.rules}\n"
            config.write_text(text, encoding="utf-8")
            command = [found]
        log = self.folder / "broker.log"
        self._program = Program((*command, "-c", str(config)), log)
        await self._program.start()
        await self._listens()

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """End the broker."""
        if self._program is not None:
            await self._program.stop(number)

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the settings by which a box finds this broker."""
        secret = folder / "broker.password"
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="utf-8")
        return {
            "LODGE_BROKER__PORT": str(self.port),
            "LODGE_BROKER__VERSION": self.version,
            "LODGE_BROKER__USERNAME": USER,
            "LODGE_BROKER__PASSWORD_FILE": str(secret),
        }

    async def _listens(self) -> None:
        for _ in range(int(READY_WITHIN / 0.05)):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
        raise ProgramFailed(f"the broker did not start: {self.folder}")


def lodge(*words: str) -> tuple[str, ...]:
    """Return the command line of a verb."""
    return (sys.executable, "-m", "gateway.cli", *words)


async def ask(*words: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a verb with --json; return its answer, or raise with what it said."""
    told = await output(*lodge(*words, "--json"), environment=environment)
    answer: dict[str, Any] = json.loads(told.splitlines()[-1])
    return answer


async def output(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command; return what it printed, or raise with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **(environment or {})},
    )
    told, complaint = await process.communicate()
    if process.returncode:
        raise ProgramFailed(complaint.decode(errors="replace").strip())
    return told.decode()
