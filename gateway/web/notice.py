"""The notice that stands before everything: its text is a template, its name a hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
# The notice itself, and wherever somebody agrees to something under it, with what
# those pages take in.
TEXTS = tuple(
    HERE / "pages" / f"{name}.html"
    for name in (
        *("notice_text", "tenant_notice", "tenant_identify", "tenant_review"),
        *("second_look", "claim_fields", "sent_data", "camera", "tenant_card"),
    )
)
WORDS = tuple(HERE / "locale" / f"{each}.po" for each in ("zh_CN", "en"))


@dataclass(frozen=True, slots=True)
class Notice:
    """What people read and agree to on one box, under the name that their words keep.

    `version` is the SHA-256, in hex, of its text, every consent's wording, the
    translations, the whole days that this box keeps data after a departure, and who
    the police station is that hears from it (`station`; empty where nobody said).
    """

    days: int
    station: str
    version: str


def notice(
    kept: timedelta, station: str, texts: Sequence[Path] = (*TEXTS, *WORDS)
) -> Notice:
    """Return the notice of a box that keeps data so long, and reports to a station."""
    days = -(-kept // timedelta(days=1))
    raw = b"".join(each.read_bytes() for each in texts)
    told = f"{days} {station}".strip()
    return Notice(days, station, sha256(raw + told.encode()).hexdigest())
