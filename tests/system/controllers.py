"""Signed images, and a controller to push them to."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware_bridge.drivers.signing import Label, make_key, public_key, sign

BOARD = "reader-1"
SLOT = 0x20000


class Workshop:
    """An installer's desk: a key, and images signed by it or by others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.key, self.public = folder / "firmware.key", folder / "firmware.pub"
        make_key(self.key, self.public)

    @property
    def pinned(self):
        return public_key(self.public)

    def image(
        self, version: str = "1.0.0", counter: int = 1, *, size: int = 3000, **more
    ) -> bytes:
        key = more.pop("key", self.key)
        label = Label(version, counter, more.pop("board", BOARD), SLOT, **more)
        payload, signed = self.folder / "app.bin", self.folder / "signed.bin"
        payload.write_bytes((version.encode() * size)[:size])
        sign(payload, signed, key, label)
        return signed.read_bytes()


def unsigned(raw: bytes) -> bytes:
    """Return an image whose signature (a TLV of Ed25519's kind) is of no kind known."""
    place = raw.index((0x24).to_bytes(2, "little") + (64).to_bytes(2, "little"))
    return raw[:place] + b"\xf0\x00" + raw[place + 2 :]


def p256(folder: Path) -> tuple[Path, Path]:
    """Make a P-256 key pair, as an installer brings one."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "p256.key", folder / "p256.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
    )
    return private, public
