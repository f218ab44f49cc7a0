"""The box's certificate: by a local authority, or by one that every phone trusts."""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
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
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.clock import Clock, Trust
from ledger.keys import KeyClass, MasterKey

CA_LIVES = timedelta(days=3650)
# iOS takes at most 825 days of an authority that a person trusts, and others 398.
SERVER_LIVES = timedelta(days=397)
RENEWS_BEFORE = SERVER_LIVES / 3
# How often it is looked whether a certificate of one's own has to be renewed.
EVERY = 6 * 3600.0
Seal = Callable[[bytes], bytes]
AUTHORITY = "Lodge local CA"
# How often a file that was renewed is looked for, in seconds.
LOOKS = 60.0
log = logging.getLogger(__name__)


class CertificateUnusable(Exception):
    """A certificate's file cannot be read; put it back, or renew it."""


def make_authority(folder: Path, host: str, now: datetime, seal: Seal) -> None:
    """Write a CA that may only vouch for `host`, and a server certificate by it.

    Files: ca.pem, ca.sealed (its key, sealed), server.pem, server.key (owner only).
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
    ca_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _begun(name, name, ca_key, now, CA_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_constraints(host), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    _write_private(folder / "ca.sealed", seal(_pem(ca_key)))
    _write_private(folder / "server.key", _pem(key))
    made = _server(ca, ca_key, key, host, now)
    (folder / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))


def renew_own(folder: Path, now: datetime, unseal: Seal) -> bool:
    """Renew a server certificate of the box's own authority in its last third.

    The key stays, so that whoever pinned it knows it again. Returns whether there is a
    new one; False also where the certificate is another authority's, or the authority's
    key was not kept, as by the first boxes.
    """
    path, sealed = folder / "server.pem", folder / "ca.sealed"
    try:
        found = certified(path)
    except CertificateUnusable:
        return False
    if not (found.ours and sealed.exists()) or found.until - now > RENEWS_BEFORE:
        return False
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    old = x509.load_pem_x509_certificate(path.read_bytes())
    ca_key = load_pem_private_key(unseal(sealed.read_bytes()), None)
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    assert isinstance(ca_key, EllipticCurvePrivateKey)  # noqa: S101 - made above
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - made above
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    made = _server(ca, ca_key, key, str(names[0].value), now)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(made.public_bytes(Encoding.PEM))
    fresh.replace(path)
    return True


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals and opens the authority's key under the program's own."""

    seal: Seal
    unseal: Seal


def authority(master: MasterKey) -> Sealing:
    """Return what the authority's key is sealed with."""
    return Sealing(
        partial(master.seal, KeyClass.AUTHORITY, "ca"),
        partial(master.unseal, KeyClass.AUTHORITY, "ca"),
    )


async def keep_renewed(path: Path | None, clock: Clock, unseal: Seal) -> None:
    """Renew the own authority's certificate in time; for ever."""
    while True:
        sure = path is not None and clock.trust is Trust.SURE
        if path is not None and sure and renew_own(path.parent, clock.now(), unseal):
            log.info("the box's own certificate was renewed")
        await asyncio.sleep(EVERY)


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


def _server(
    ca: x509.Certificate,
    ca_key: EllipticCurvePrivateKey,
    key: EllipticCurvePrivateKey,
    host: str,
    now: datetime,
) -> x509.Certificate:
    # The name is among the alternatives alone: of a common name that looks like one
    # OpenSSL asks what the constraints say of names.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lodge box")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    lives = min(SERVER_LIVES, ca.not_valid_after_utc - now)
    return (
        _begun(subject, ca.subject, key, now, lives)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        .add_extension(own, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Say what a key is for: to vouch for others, or to speak for itself."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_private(path: Path, raw: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(raw)


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


def _constraints(host: str) -> x509.NameConstraints:
    """Vouch for one name; a form of names that is not listed would be free (RFC 5280).

    So the other form is bound to what nobody has: RFC 2606, RFC 5737.
    """
    nobody = x509.DNSName("lodge.invalid")
    nowhere = x509.IPAddress(ipaddress.ip_network("192.0.2.255/32"))
    try:
        own: x509.GeneralName = x509.IPAddress(ipaddress.ip_network(host))
        return x509.NameConstraints([own, nobody], None)
    except ValueError:
        return x509.NameConstraints([x509.DNSName(host), nowhere], None)
