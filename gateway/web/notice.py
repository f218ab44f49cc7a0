"""The notice that stands before everything: its text is a template, its name a hash."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
# The notice itself, and wherever somebody agrees to something under it.
TEXTS = tuple(
    HERE / "pages" / f"{name}.html"
    for name in (
        *("notice_text", "tenant_notice", "tenant_identify", "tenant_review"),
        "second_look",
    )
)
WORDS = tuple(HERE / "locale" / f"{each}.po" for each in ("zh_CN", "en"))


def version(texts: Sequence[Path] = (*TEXTS, *WORDS)) -> str:
    """Return the notice's name: the SHA-256 of what people read and agree to, in hex.

    Its text, every consent's wording, and the translations.
    """
    return sha256(b"".join(each.read_bytes() for each in texts)).hexdigest()
