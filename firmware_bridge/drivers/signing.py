"""Keys and signatures of firmware images, by MCUboot's own `imgtool`."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from firmware_bridge.smp.image import VENDOR, PublicKey
from ledger.errors import KeyUnusable

RUN = "from imgtool.main import imgtool; imgtool()"
WITHIN = 60


@dataclass(frozen=True, slots=True)
class Label:
    """What an image is to say of itself; `slot` is the controller's slot size."""

    version: str
    counter: int
    board: str
    slot: int
    header: int = 512
    align: int = 4


def make_key(private: Path, public: Path) -> None:
    """Make an Ed25519 key pair in two files; the private one its owner's alone."""
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    private.touch(mode=0o600, exist_ok=False)
    private.write_bytes(raw)
    public.write_bytes(_pem(key.public_key()))


def public_key(path: Path) -> PublicKey:
    """Read a pinned public key (Ed25519 or P-256, PEM); raise KeyUnusable."""
    try:
        found = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{path.name}: no public key in PEM") from error
    if isinstance(found, Ed25519PublicKey):
        return found
    if isinstance(found, ec.EllipticCurvePublicKey) and found.curve.name == "secp256r1":
        return found
    raise KeyUnusable(f"{path.name}: neither Ed25519 nor P-256")


def sign(payload: Path, signed: Path, key: Path, label: Label) -> None:
    """Sign a program as an image; raise KeyUnusable with what imgtool says."""
    told = {
        "--key": key,
        "--sha": "256",
        "--version": label.version,
        "--security-counter": label.counter,
        "--header-size": label.header,
        "--slot-size": label.slot,
        "--align": label.align,
        "--vid": VENDOR,
        "--cid": label.board,
    }
    words = [str(part) for pair in told.items() for part in pair]
    done = subprocess.run(  # noqa: S603 - our own interpreter, and words made here
        [sys.executable, "-c", RUN, "sign", *words, "--pad-header", payload, signed],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it failed"]
        raise KeyUnusable(f"imgtool: {said[-1]}")


def _pem(key: PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
