"""The page shell: templates, language, the headers that every page carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import segno
from babel.dates import format_date
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from porch.words import LANGUAGES, Words

HERE = Path(__file__).parent
SHOWN = 4
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(slots=True)
class Pages:
    """Renders the pages of one program; `passkeys` where browsers take them there."""

    folder: Path
    words: Words
    passkeys: bool = False
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    _rooms: dict[str, Environment] = field(default_factory=dict)

    def show(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
    ) -> HTMLResponse:
        """Render a page in the reader's language."""
        language = self.words.language(request)
        page = self._room(language).get_template(name)
        html = page.render(
            {
                "language": language,
                "languages": LANGUAGES,
                "passkeys": self.passkeys,
                "session": getattr(request.state, "session", None),
                "path": request.url.path if request.method == "GET" else "",
                **(context or {}),
            }
        )
        return HTMLResponse(html, status_code=status, headers=HEADERS)

    def _room(self, language: str) -> Environment:
        if language not in self._rooms:
            room = Environment(
                loader=ChoiceLoader(
                    [FileSystemLoader(self.folder), FileSystemLoader(HERE / "pages")]
                ),
                autoescape=True,
                undefined=StrictUndefined,
                extensions=["jinja2.ext.i18n"],
                trim_blocks=True,
                lstrip_blocks=True,
            )
            catalogue = self.words.catalogues[language]
            room.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined] # by the extension
            room.filters["masked"] = masked
            room.filters["fingerprint"] = lambda raw: sha256(raw).hexdigest()[:16]
            room.filters["when"] = lambda at: self._minute(at, language)
            room.filters["day"] = lambda at: self._day(at, language)
            self._rooms[language] = room
        return self._rooms[language]

    def _day(self, at: datetime, language: str) -> str:
        return format_date(at.astimezone(self.zone), "medium", locale=language)

    def _minute(self, at: datetime, language: str) -> str:
        return f"{self._day(at, language)} {at.astimezone(self.zone):%H:%M}"


def qr_of(text: str) -> str:
    """Return a text as a picture that phones read (an SVG in a data URI)."""
    svg: str = segno.make(text, micro=False).svg_data_uri(scale=6)
    return svg


def masked(number: str) -> str:
    """Return a document number of which only the last four characters show."""
    return f"••••{number[-SHOWN:]}"
