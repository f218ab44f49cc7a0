"""Key classes: one master key, a derived key per class, a key of his own per tenant."""

import hmac
import os
import stat
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, delete, insert, select

from ledger.book import Page
from ledger.errors import Erased, KeyUnusable
from ledger.ids import TenantId
from ledger.rows import tenant_key

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyClass(Enum):
    """What a derived key protects (graded encryption; Data Security Law art. 21)."""

    DATABASE = "database"
    INDEX = "index"
    WRAP = "wrap"
    PIN = "pin"
    AUDIT = "audit"
    PERSON = "person"
    BIOMETRIC = "biometric"
    ROOT = "root"
    DEVICE = "device"
    AUTHORITY = "authority"


def derived(secret: bytes, label: KeyClass) -> bytes:
    """Derive 32 bytes for one class from a secret (HKDF-SHA256, RFC 5869)."""
    info = b"lodge " + label.value.encode()
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(secret)


# The door derives a digest for every code; the box's own few keys stay at hand.
_class_key = lru_cache(maxsize=len(KeyClass))(derived)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The secret from which every class key of this box is derived."""

    secret: bytes = field(repr=False)

    def derive(self, label: KeyClass) -> bytes:
        """Return the 32-byte key of a class."""
        return _class_key(self.secret, label)

    def seal(self, label: KeyClass, bound: str, plain: bytes) -> bytes:
        """Encrypt what is the box's own, bound to what it is about."""
        return _seal(self.derive(label), bound, plain)

    def unseal(self, label: KeyClass, bound: str, sealed: bytes) -> bytes:
        """Decrypt what is the box's own; raise Erased where another key sealed it."""
        return _unseal(self.derive(label), bound, sealed)

    def index(self, label: KeyClass, text: str) -> bytes:
        """Return a keyed digest (HMAC-SHA256, 32 bytes) to search a value by."""
        return hmac.digest(self.derive(label), text.encode(), sha256)


def make_secret(path: Path) -> bytes:
    """Write 32 fresh random bytes, readable by their owner only; never overwrite."""
    secret = os.urandom(KEY_BYTES)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return secret


def read_secret(path: Path) -> bytes:
    """Read a secret of 32 bytes; raise KeyUnusable with the reason and the mend."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise KeyUnusable(f"{path.name}: not a readable key file") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyUnusable(f"{path.name}: others can read it; run chmod 600 on it")
    return secret_of(text, path.name)


def secret_of(text: str, where: str) -> bytes:
    """Return the 32 bytes of 64 hexadecimal digits; raise KeyUnusable if not so."""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise KeyUnusable(f"{where}: expected 64 hexadecimal digits")
    return secret


@dataclass(frozen=True, slots=True)
class TenantKey:
    """What seals one person's fields; without it they are noise."""

    tenant: TenantId
    secret: bytes = field(repr=False)

    def seal(self, label: KeyClass, name: str, plain: bytes) -> bytes:
        """Encrypt a field (AES-256-GCM) bound to its tenant and name."""
        return _seal(derived(self.secret, label), f"{self.tenant}/{name}", plain)

    def unseal(self, label: KeyClass, name: str, sealed: bytes) -> bytes:
        """Decrypt a field; raise Erased where another key sealed it."""
        return _unseal(derived(self.secret, label), f"{self.tenant}/{name}", sealed)

    @property
    def salt(self) -> bytes:
        """The salt of this tenant's commitments in the audit chain."""
        return derived(self.secret, KeyClass.AUDIT)


@dataclass(frozen=True, slots=True)
class Vault:
    """Keeps tenant keys wrapped under the box's key; destroying one erases him."""

    master: MasterKey

    def make(self, page: Page, tenant: TenantId) -> TenantKey:
        """Make a tenant's key and keep it with the page."""
        key = TenantKey(tenant, os.urandom(KEY_BYTES))
        wrapper = TenantKey(tenant, self.master.derive(KeyClass.WRAP))
        wrapped = wrapper.seal(KeyClass.WRAP, "key", key.secret)
        page.put(insert(tenant_key).values(tenant=tenant, wrapped=wrapped))
        return key

    def find(self, connection: Connection, tenant: TenantId) -> TenantKey:
        """Return the tenant's key; raise Erased once it was destroyed."""
        query = select(tenant_key.c.wrapped).where(tenant_key.c.tenant == tenant)
        wrapped = connection.execute(query).scalar()
        if wrapped is None:
            raise Erased("this tenant was erased")
        wrapper = TenantKey(tenant, self.master.derive(KeyClass.WRAP))
        return TenantKey(tenant, wrapper.unseal(KeyClass.WRAP, "key", wrapped))

    def destroy(self, page: Page, tenant: TenantId) -> None:
        """Destroy the tenant's key with the page; the file keeps no copy of it."""
        page.put(delete(tenant_key).where(tenant_key.c.tenant == tenant))
        page.scrub()


def _seal(secret: bytes, bound: str, plain: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, plain, bound.encode())


def _unseal(secret: bytes, bound: str, sealed: bytes) -> bytes:
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(secret).decrypt(nonce, body, bound.encode())
    except InvalidTag as error:
        raise Erased("sealed by another key") from error
