"""The program's own authorities: of its pages, and of devices beyond the machine."""

import asyncio
import ipaddress
import logging
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
from porch.certificates import AUTHORITY, CertificateUnusable, certified

CA_LIVES = timedelta(days=3650)
# iOS takes at most 825 days of an authority that a person trusts, and others 398.
SERVER_LIVES = timedelta(days=397)
RENEWS_BEFORE = SERVER_LIVES / 3
# How often it is looked whether a certificate of one's own has to be renewed.
EVERY = 6 * 3600.0
Seal = Callable[[bytes], bytes]
DEVICES = "Lodge device CA"
Authority = tuple[x509.Certificate, EllipticCurvePrivateKey]
log = logging.getLogger(__name__)


def make_authority(folder: Path, host: str, now: datetime, seal: Seal) -> None:
    """Write a CA that may only vouch for `host`, and a server certificate by it.

    Files: ca.pem, ca.sealed (its key, sealed), server.pem, server.key (owner only).
    """
    ca, ca_key = _authority(AUTHORITY, now, _constraints(host))
    _write(folder / "ca", ca, seal(_pem(ca_key)), "sealed")
    _write_server(folder / "server", (ca, ca_key), host, now, SERVER_LIVES)


def make_device_authority(folder: Path, host: str, now: datetime, seal: Seal) -> None:
    """Write a CA for devices, and the certificate by which they know their broker.

    It vouches for nothing that a browser looks at, and lives as long as a device whose
    firmware holds it. Files: devices.pem, devices.sealed, broker.pem, broker.key.
    """
    ca, ca_key = _authority(DEVICES, now, None)
    _write(folder / "devices", ca, seal(_pem(ca_key)), "sealed")
    _write_server(folder / "broker", (ca, ca_key), host, now, CA_LIVES)


def renew_broker(folder: Path, host: str, now: datetime, unseal: Seal) -> None:
    """Write another certificate of the broker's, for where it is found from now on."""
    by = _read_authority(folder / "devices", unseal)
    _write_server(folder / "broker", by, host, now, CA_LIVES)


def issue_device(
    folder: Path, user: str, now: datetime, unseal: Seal
) -> tuple[bytes, bytes]:
    """Return a device's certificate and key (PEM): the broker knows it as `user`."""
    ca, ca_key = _read_authority(folder / "devices", unseal)
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    lives = min(CA_LIVES, ca.not_valid_after_utc - now)
    begun = _begun(subject, ca.subject, key, now, lives)
    made = _signed(begun, ca_key, key, ExtendedKeyUsageOID.CLIENT_AUTH)
    return made.public_bytes(Encoding.PEM), _pem(key)


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
    by = _read_authority(folder / "ca", unseal)
    old = x509.load_pem_x509_certificate(path.read_bytes())
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - made above
    names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    made = _server(by, key, str(names[0].value), now, SERVER_LIVES)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(made.public_bytes(Encoding.PEM))
    fresh.replace(path)
    return True


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals and opens the authority's key under the program's own."""

    seal: Seal
    unseal: Seal


def authority(master: MasterKey, of: str = "ca") -> Sealing:
    """Return what an authority's key is sealed with: the pages', or `devices`."""
    return Sealing(
        partial(master.seal, KeyClass.AUTHORITY, of),
        partial(master.unseal, KeyClass.AUTHORITY, of),
    )


async def keep_renewed(path: Path | None, clock: Clock, unseal: Seal) -> None:
    """Renew the own authority's certificate in time; for ever."""
    while True:
        sure = path is not None and clock.trust is Trust.SURE
        if path is not None and sure and renew_own(path.parent, clock.now(), unseal):
            log.info("the box's own certificate was renewed")
        await asyncio.sleep(EVERY)


def _authority(
    name: str, now: datetime, constraints: x509.NameConstraints | None
) -> Authority:
    told = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    key = generate_private_key(SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    ca = (
        _begun(told, told, key, now, CA_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    if constraints is not None:
        ca = ca.add_extension(constraints, critical=True)
    return ca.sign(key, hashes.SHA256()), key


def _read_authority(path: Path, unseal: Seal) -> Authority:
    ca = x509.load_pem_x509_certificate(path.with_suffix(".pem").read_bytes())
    raw = path.with_suffix(".sealed").read_bytes()
    key = load_pem_private_key(unseal(raw), None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - made above
    return ca, key


def _server(
    by: Authority,
    key: EllipticCurvePrivateKey,
    host: str,
    now: datetime,
    lives: timedelta,
) -> x509.Certificate:
    # The name is among the alternatives alone: of a common name that looks like one
    # OpenSSL asks what the constraints say of names.
    ca, ca_key = by
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lodge box")])
    lives = min(lives, ca.not_valid_after_utc - now)
    names = x509.SubjectAlternativeName([_name(host)])
    begun = _begun(subject, ca.subject, key, now, lives).add_extension(
        names, critical=False
    )
    return _signed(begun, ca_key, key, ExtendedKeyUsageOID.SERVER_AUTH)


def _signed(
    begun: x509.CertificateBuilder,
    ca_key: EllipticCurvePrivateKey,
    key: EllipticCurvePrivateKey,
    use: x509.ObjectIdentifier,
) -> x509.Certificate:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        begun.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
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


def _write_server(
    path: Path, by: Authority, host: str, now: datetime, lives: timedelta
) -> None:
    key = generate_private_key(SECP256R1())
    _write(path, _server(by, key, host, now, lives), _pem(key), "key")


def _write(path: Path, made: x509.Certificate, key: bytes, suffix: str) -> None:
    path.with_suffix(".pem").write_bytes(made.public_bytes(Encoding.PEM))
    _write_private(path.with_suffix(f".{suffix}"), key)


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
