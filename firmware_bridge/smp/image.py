"""MCUboot images (docs.mcuboot.com, "Image format"): read, and held to a public key.

The gateway verifies by itself before a byte is sent: a bootloader may not.
"""

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from devices.model.firmware import Image, ImageFault, Version

PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey
HEAD = struct.Struct("<LLHHLLBBHL4x")
TLV_HEAD = struct.Struct("<HH")
MAGIC, TLV_MAGIC, PROTECTED_MAGIC = 0x96F3B83D, 0x6907, 0x6908
KEY_HASH, SHA256, ECDSA, ED25519 = 0x01, 0x10, 0x22, 0x24
COUNTER, BOARD = 0x50, 0x75
# By which imgtool makes the UUID of a board from its name (--vid, --cid).
VENDOR = "lodge.invalid"


class _Broken(Exception):
    def __init__(self, fault: ImageFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things are: what is hashed, and the values by type."""

    hashed: bytes
    version: Version
    protected: dict[int, bytes]
    values: dict[int, bytes]


def board_id(name: str) -> bytes:
    """Return a board's class (a UUID of 16 bytes) as images carry it."""
    return uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, VENDOR), name).bytes


def read(raw: bytes, key: PublicKey) -> Image | ImageFault:
    """Read an image and verify it by a pinned public key; never raise."""
    try:
        return _verified(raw, key)
    except _Broken as broken:
        return broken.fault


def describe(raw: bytes) -> Image | ImageFault:
    """Read what an image says of itself, signed or not; never raise."""
    try:
        layout = _layout(raw)
    except _Broken as broken:
        return broken.fault
    return _image(layout, raw)


def _verified(raw: bytes, key: PublicKey) -> Image:
    layout = _layout(raw)
    digest = sha256(layout.hashed).digest()
    signature = layout.values.get(ED25519) or layout.values.get(ECDSA)
    if signature is None:
        raise _Broken(ImageFault.UNSIGNED)
    if layout.values.get(SHA256) != digest:
        raise _Broken(ImageFault.CHANGED)
    if layout.values.get(KEY_HASH) != sha256(_spki(key)).digest():
        raise _Broken(ImageFault.OTHER_KEY)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(layout.values.get(ED25519, b""), digest)
        else:
            signed = layout.values.get(ECDSA, b"")
            key.verify(signed, layout.hashed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise _Broken(ImageFault.CHANGED) from error
    return _image(layout, raw)


def _image(layout: _Layout, raw: bytes) -> Image:
    counter = layout.protected.get(COUNTER, b"")
    return Image(
        layout.values.get(SHA256, sha256(layout.hashed).digest()),
        layout.version,
        int.from_bytes(counter, "little"),
        layout.protected.get(BOARD, b""),
        len(raw),
    )


def _layout(raw: bytes) -> _Layout:
    if len(raw) < HEAD.size:
        raise _Broken(ImageFault.NOT_AN_IMAGE)
    magic, _, head, protected, size, _, *version = HEAD.unpack_from(raw)
    if magic != MAGIC:
        raise _Broken(ImageFault.NOT_AN_IMAGE)
    body = head + size
    end = body + protected
    if len(raw) < end + TLV_HEAD.size:
        raise _Broken(ImageFault.TRUNCATED)
    known = dict(_values(raw, body, PROTECTED_MAGIC)) if protected else {}
    return _Layout(
        raw[:end], Version(*version), known, dict(_values(raw, end, TLV_MAGIC))
    )


def _values(raw: bytes, start: int, wanted: int) -> Iterator[tuple[int, bytes]]:
    magic, total = TLV_HEAD.unpack_from(raw, start)
    if magic != wanted:
        raise _Broken(ImageFault.CHANGED)
    end = start + total
    if len(raw) < end:
        raise _Broken(ImageFault.TRUNCATED)
    place = start + TLV_HEAD.size
    while place + TLV_HEAD.size <= end:
        kind, length = TLV_HEAD.unpack_from(raw, place)
        place += TLV_HEAD.size
        if place + length > end:
            raise _Broken(ImageFault.CHANGED)
        yield kind, raw[place : place + length]
        place += length


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
