"""A certificate that every phone trusts, by DNS-01: the road that is documented.

Real programs on loopback: certbot, a name server that takes signed updates (Knot), and
the authority that Let's Encrypt tests its clients with (Pebble). The name leads to an
address in a house's network; nothing is reached from outside.
"""

import asyncio
import base64
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from fastapi import FastAPI

from gateway.demo.programs import free_port
from porch import certificates
from porch.app import server
from porch.authority import make_authority
from porch.certificates import trusted
from porch.settings import Web

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
PROGRAMS = {
    name: shutil.which(name, path=PATH) for name in ("certbot", "knotd", "pebble")
}
pytestmark = [
    pytest.mark.skipif(
        None in PROGRAMS.values(),
        reason="`make test` installs certbot, Knot, Pebble",
    ),
]
NAME, AT_HOME = "house1.example.test", "192.168.1.7"
NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - TLS asks the machine
ZONE = f"""$TTL 1
@ SOA ns hostmaster 1 3600 600 86400 1
@ NS ns
ns A 127.0.0.1
house1 A {AT_HOME}
"""
KNOT = """
server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
database:
    storage: {folder}/db
key:
  - id: box
    algorithm: hmac-sha512
    secret: {secret}
acl:
  - id: updates
    key: box
    action: update
zone:
  - domain: example.test
    storage: {folder}
    file: zone
    acl: updates
"""
CREDENTIALS = """dns_rfc2136_server = 127.0.0.1
dns_rfc2136_port = {port}
dns_rfc2136_name = box.
dns_rfc2136_secret = {secret}
dns_rfc2136_algorithm = HMAC-SHA512
"""


@asynccontextmanager
async def running(*command: str, port: int, **more: str) -> AsyncIterator[None]:
    """Run a program until the end; it is there when its port answers."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **more},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        assert process.returncode is None, command[0]
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def documented(box: Path, credentials: Path) -> list[str]:
    """Return the command of docs/operations.md, with what differs in this house."""
    guide = Path(__file__).parents[2] / "docs" / "operations.md"
    [told] = re.findall(
        r"```\s+(certbot certonly .*?)```", guide.read_text(), re.DOTALL
    )
    for said, here in (
        ("/etc/lodge/dns.ini", str(credentials)),
        ("house1.example.cn", NAME),
        ("-o lodge ", ""),
        ("DIR/", f"{box}/"),
    ):
        assert said in told
        told = told.replace(said, here)
    return shlex.split(told.replace("\\\n", " "))


@dataclass(frozen=True)
class Operator:
    """Somebody with a domain: a name server of his own, and an authority."""

    folder: Path
    box: Path
    secret: str
    dns: int
    acme: int
    roots: int

    async def certbot(self, command: Sequence[str]) -> int:
        here = [
            f"--{each}-dir={self.folder / each}" for each in ("config", "work", "logs")
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            *here,
            *("--non-interactive", "--agree-tos", "--register-unsafely-without-email"),
            *("--server", f"https://127.0.0.1:{self.acme}/dir"),
            env={**os.environ, "REQUESTS_CA_BUNDLE": str(self.folder / "ca.pem")},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    async def ask(self, secret: str) -> int:
        """Ask for a certificate as the guide says, with the name server's secret."""
        path = self.folder / "dns.ini"
        path.touch(0o600)
        path.write_text(CREDENTIALS.format(port=self.dns, secret=secret))
        soon = ("--dns-rfc2136-propagation-seconds", "1")
        return await self.certbot([*documented(self.box, path), *soon])

    async def root(self) -> str:
        """Return the authority's root, as phones have it built in."""
        own = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        async with httpx.AsyncClient(verify=own) as client:
            told = await client.get(f"https://127.0.0.1:{self.roots}/roots/0")
        return told.text


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    make_authority(tmp_path, "127.0.0.1", NOW, bytes)
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    ports = [free_port() for _ in range(3)]
    found = Operator(tmp_path, tmp_path / "box", secret, *ports)
    (found.box / "keys").mkdir(parents=True)
    (tmp_path / "db").mkdir()
    (tmp_path / "zone").write_text(ZONE)
    knot = tmp_path / "knot.conf"
    knot.write_text(KNOT.format(port=found.dns, folder=tmp_path, secret=secret))
    told = {
        "listenAddress": f"127.0.0.1:{found.acme}",
        "managementListenAddress": f"127.0.0.1:{found.roots}",
        "certificate": str(tmp_path / "server.pem"),
        "privateKey": str(tmp_path / "server.key"),
        "httpPort": 1,
        "tlsPort": 1,
    }
    pebble = tmp_path / "pebble.json"
    pebble.write_text(json.dumps({"pebble": told}))
    async with AsyncExitStack() as stack:
        for each in (
            running(str(PROGRAMS["knotd"]), "-c", str(knot), port=found.dns),
            running(
                *("pebble", "-config", str(pebble)),
                *("-dnsserver", f"127.0.0.1:{found.dns}"),
                port=found.roots,
                PEBBLE_VA_NOSLEEP="1",
                PEBBLE_WFE_NONCEREJECT="0",
            ),
        ):
            await stack.enter_async_context(each)
        yield found


def seen_by_a_phone(port: int, root: str) -> int:
    """Return the serial of what the box serves to whoever asks for its name."""
    phone = ssl.create_default_context(cadata=root)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as line,
        phone.wrap_socket(line, server_hostname=NAME) as told,
    ):
        raw = told.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(raw or b"").serial_number


async def test_a_name_gets_its_certificate_and_its_renewal_by_itself(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOKS", 0.05)
    pair = [operator.box / "keys" / f"{each}.pem" for each in ("fullchain", "privkey")]
    assert await operator.ask(base64.b64encode(b"another secret").decode()) != 0
    assert not any(each.exists() for each in pair)
    assert await operator.ask(operator.secret) == 0
    assert trusted(pair[0])
    assert pair[1].stat().st_mode & 0o077 == 0
    root = await operator.root()
    web = Web(port=free_port(), certificate=pair[0], private_key=pair[1])
    pages = server(FastAPI(), web)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(pages.serve())
        renewing = tasks.create_task(pages.renew())
        while not pages.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        first = await asyncio.to_thread(seen_by_a_phone, web.port, root)
        now = ["certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew"]
        assert await operator.certbot(now) == 0
        async with asyncio.timeout(10):
            seen = first
            while seen == first:
                seen = await asyncio.to_thread(seen_by_a_phone, web.port, root)
        pages.should_exit = True
        await serving
        renewing.cancel()
