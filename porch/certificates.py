"""The box's certificate: by a local authority, or by one that every phone trusts."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

AUTHORITY = "Lodge local CA"
# How often a file that was renewed is looked for, in seconds.
LOOKS = 60.0
log = logging.getLogger(__name__)


class CertificateUnusable(Exception):
    """A certificate's file cannot be read; put it back, or renew it."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What a server's certificate says: who vouches, and until when.

    `ours` where it is the local authority, which only landlord and installer know.
    """

    ours: bool
    until: datetime


def read_certificate(path: Path) -> x509.Certificate:
    """Read a server's own certificate, the first of its file.

    Raises CertificateUnusable with the reason.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{path.name}: not a readable certificate") from error


def certified(path: Path) -> Certified:
    """Say what a server's certificate says; raise CertificateUnusable."""
    found = read_certificate(path)
    names = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    ours = [name.value for name in names] == [AUTHORITY]
    return Certified(ours, found.not_valid_after_utc)


def own_authority(certificate: Path) -> bytes | None:
    """Return the authority beside a server's certificate, as phones take it (DER)."""
    try:
        raw = certificate.with_name("ca.pem").read_bytes()
        return x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER)
    except (OSError, ValueError):
        return None


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
