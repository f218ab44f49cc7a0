"""The notice that stands before everything: its text is a template, its name a hash."""

from hashlib import sha256
from pathlib import Path

TEXT = Path(__file__).parent / "pages" / "notice_text.html"
WORDS = Path(__file__).parent / "locale" / "zh_CN.po"


def version() -> str:
    """Return the notice's name: the SHA-256 of its text and translation, in hex."""
    return sha256(TEXT.read_bytes() + WORDS.read_bytes()).hexdigest()
