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
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import FastAPI

from gateway.demo.programs import free_port
from gateway.examination import examine
from gateway.founding import lay
from ledger.keys import MasterKey
from porch import authority as own
from porch.app import server
from porch.authority import authority, make_authority, renew_own
from porch.certificates import CertificateUnusable, certified, trusted
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
    make_authority(tmp_path, "192.0.2.7", NOW, bytes)
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
    monkeypatch.setattr("porch.certificates.LOOKS", 0.02)
    make_authority(tmp_path, "127.0.0.1", NOW, bytes)
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


def served_by(folder: Path, address: str, trusting: Path, name: str = "") -> str:
    """Shake hands with what a folder holds, strictly; say what came of it."""
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "server.pem", folder / "server.key")
    client_side = ssl.create_default_context(cafile=str(trusting))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    one = server_side.wrap_bio(inside, outside, server_side=True)
    other = client_side.wrap_bio(outside, inside, server_hostname=name or address)
    for _ in range(5):
        for side in (other, one):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return "good"


@pytest.mark.parametrize("host", ["192.0.2.7", "house1.example.cn", "2001:db8::7"])
def test_the_own_authority_is_what_strict_clients_want(
    tmp_path: Path, host: str
) -> None:
    make_authority(tmp_path, host, NOW, bytes)
    assert served_by(tmp_path, host, tmp_path / "ca.pem") == "good"
    made = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    use = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.SERVER_AUTH]
    lives = made.not_valid_after_utc - made.not_valid_before_utc
    assert lives <= timedelta(days=398)


@pytest.mark.parametrize("host", ["192.0.2.7", "house1.example.cn"])
@pytest.mark.parametrize("other", ["192.0.2.8", "bank.example", "example.cn"])
def test_the_own_authority_vouches_for_nothing_else(
    tmp_path: Path, host: str, other: str
) -> None:
    """Also not for names of the other form: whoever stole its key gained one name."""
    make_authority(tmp_path, host, NOW, bytes)
    raw = (tmp_path / "ca.sealed").read_bytes()
    ca_key = load_pem_private_key(raw, None)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    key = load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    made = own._server((ca, ca_key), key, other, NOW, own.SERVER_LIVES)
    (tmp_path / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    told = served_by(tmp_path, other, tmp_path / "ca.pem")
    assert told == "permitted subtree violation"


def test_the_own_certificate_is_renewed_in_its_last_third_and_keeps_its_key(
    tmp_path: Path,
) -> None:
    sealing = authority(MasterKey(b"m" * 32))
    make_authority(tmp_path, "192.0.2.7", NOW, sealing.seal)
    assert b"PRIVATE" not in (tmp_path / "ca.sealed").read_bytes()
    assert (tmp_path / "ca.sealed").stat().st_mode & 0o777 == 0o600
    before = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    early, late = NOW + timedelta(days=200), NOW + timedelta(days=300)
    assert not renew_own(tmp_path, early, sealing.unseal)
    assert renew_own(tmp_path, late, sealing.unseal)
    assert not renew_own(tmp_path, late, sealing.unseal)
    after = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    assert after.public_key() == before.public_key()
    assert after.serial_number != before.serial_number
    assert after.not_valid_after_utc > before.not_valid_after_utc
    public_one(tmp_path, "house1.example.cn", late + timedelta(days=1))
    assert not renew_own(tmp_path, late, sealing.unseal)  # that is another's to renew


def test_the_first_boxes_kept_no_key_and_are_left_alone(tmp_path: Path) -> None:
    make_authority(tmp_path, "192.0.2.7", NOW, bytes)
    (tmp_path / "ca.sealed").unlink()
    assert not renew_own(tmp_path, NOW + timedelta(days=390), bytes)
