"""The box's certificate: by a local authority, or by one that every phone trusts."""

import asyncio
import ipaddress
import logging
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

CA_LIVES = timedelta(days=3650)
SERVER_LIVES = timedelta(days=397)
AUTHORITY = "Lodge local CA"
# How often a file that was renewed is looked for, in seconds.
LOOKS = 60.0
log = logging.getLogger(__name__)


class CertificateUnusable(Exception):
    """A certificate's file cannot be read; put it back, or renew it."""


def make_authority(folder: Path, host: str, now: datetime) -> None:
    """Write a CA that may only vouch for `host`, and a server certificate by it.

    Files: ca.pem, server.pem, server.key (owner only). The CA's own key is not kept.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
    ca_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    alternative = _name(host)
    permitted = x509.NameConstraints([_constraint(host)], None)
    ca = (
        _begun(name, name, ca_key, now, CA_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(permitted, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        _begun(subject, name, key, now, SERVER_LIVES)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    (folder / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = folder / "server.key"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@dataclass(frozen=True, slots=True)
class Certified:
    """What a server's certificate says: who vouches, and until when.

    `ours` where it is the local authority, which only landlord and installer know.
    """

    ours: bool
    until: datetime


def certified(path: Path) -> Certified:
    """Read a server's certificate; raise CertificateUnusable with the reason."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{path.name}: not a readable certificate") from error
    names = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    ours = [name.value for name in names] == [AUTHORITY]
    return Certified(ours, found.not_valid_after_utc)


def trusted(certificate: Path | None) -> bool:
    """Say whether every phone takes the pages for what they are.

    Without a certificate they are on this machine alone.
    """
    if certificate is None:
        return True
    try:
        return not certified(certificate).ours
    except CertificateUnusable:
        return False


async def renew(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Serve with a renewed certificate once its files have changed; for ever.

    Connections that are open keep the old one; files that do not fit each other are
    passed over until they do.
    """
    seen = _written(certificate, key)
    while True:
        await asyncio.sleep(LOOKS)
        found = _written(certificate, key)
        if found == seen:
            continue
        try:
            # Tried apart: what does not fit would leave the pages with neither.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            context.load_cert_chain(certificate, key)
        except (ssl.SSLError, OSError):
            log.warning("the renewed certificate cannot be used yet")
            continue
        seen = found
        log.info("the certificate was renewed")


def _written(*paths: Path) -> list[int]:
    return [path.stat().st_mtime_ns if path.exists() else 0 for path in paths]


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    now: datetime,
    lives: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + lives)
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _constraint(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)
