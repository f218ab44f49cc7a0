"""The text of a pass: token, time, nonce and signature (docs/ble.md)."""

import base64
import binascii
from datetime import datetime

from devices.model.tokens import Pass

MARK = "LODGE1:"
PARTS = 4
LONGEST = 8000


def encode(shown: Pass) -> str:
    """Return the text that a phone shows."""
    parts = (
        _text(shown.token),
        shown.shown_at.isoformat(timespec="microseconds"),
        shown.nonce.hex(),
        _text(shown.signature),
    )
    return MARK + "~".join(parts)


def decode(text: str) -> Pass | None:
    """Read a pass; None where the text is none. Never raises."""
    if not text.startswith(MARK) or len(text) > LONGEST:
        return None
    parts = text.removeprefix(MARK).split("~")
    if len(parts) != PARTS:
        return None
    try:
        at = datetime.fromisoformat(parts[1])
        nonce = bytes.fromhex(parts[2])
        token, signature = _bytes(parts[0]), _bytes(parts[3])
    except (ValueError, binascii.Error):
        return None
    return None if at.tzinfo is None else Pass(token, at, nonce, signature)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
