"""The box's certificate: who vouches for it, and its renewal while the box runs."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from gateway.demo.programs import free_port
from gateway.examination import examine
from gateway.founding import lay
from porch import certificates
from porch.app import server
from porch.certificates import CertificateUnusable, certified, make_authority, trusted
from porch.settings import Web

NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - TLS asks the machine


def public_one(folder: Path, name: str, ends: datetime) -> None:
    """Write what a public authority would give: another issuer, another name."""
    key = generate_private_key(SECP256R1())

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("Public CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def test_only_a_public_authority_is_trusted_by_every_phone(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    make_authority(tmp_path, "192.0.2.7", NOW)
    assert certified(path).ours
    assert not trusted(path)
    public_one(tmp_path, "house1.example.cn", NOW + timedelta(days=90))
    assert trusted(path)
    path.write_text("no certificate")
    assert not trusted(path)
    with pytest.raises(CertificateUnusable):
        certified(path)
    assert trusted(None)  # on this machine alone


@pytest.mark.parametrize(("days", "ok"), [(60, True), (10, False), (-1, False)])
def test_the_doctor_says_when_a_certificate_ends(
    tmp_path: Path, days: int, *, ok: bool
) -> None:
    box = tmp_path / "box"
    lay(box, "127.0.0.1", free_port(), plain=False)
    public_one(box / "keys", "house1.example.cn", NOW + timedelta(days=days))
    found = {each.check: each for each in examine(box / "lodge.toml")}
    assert found["certificate"].ok is ok
    assert "trust" in found["certificate"].detail
    assert bool(found["certificate"].fix) is not ok


def serial(port: int) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def test_a_renewed_certificate_is_served_without_a_restart(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(certificates, "LOOKS", 0.02)
    make_authority(tmp_path, "127.0.0.1", NOW)
    pair = (tmp_path / "server.pem", tmp_path / "server.key")
    web = Web(port=free_port(), certificate=pair[0], private_key=pair[1])
    pages = server(FastAPI(), web)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(pages.serve())
        renewing = tasks.create_task(pages.renew())
        while not pages.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        first = await asyncio.to_thread(serial, web.port)
        own = [path.read_bytes() for path in pair]
        pair[0].write_text("half of a certificate")
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(serial, web.port) == first
        public_one(tmp_path, "house1.example.cn", NOW + timedelta(days=90))
        pair[1].write_bytes(own[1])  # the new certificate, and not yet its key
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(serial, web.port) == first
        public_one(tmp_path, "house1.example.cn", NOW + timedelta(days=90))
        for _ in range(250):
            await asyncio.sleep(0.02)
            if await asyncio.to_thread(serial, web.port) != first:
                break
        assert await asyncio.to_thread(serial, web.port) != first
        pages.should_exit = True
        await serving
        renewing.cancel()
