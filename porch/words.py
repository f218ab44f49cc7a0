"""The languages of the pages, from their .po files."""

import re
from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Self

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

LANGUAGES = {"zh_CN": "中文", "en": "English"}
COOKIE = "lodge_language"
ASKED_MAX = 20
WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class Words:
    """Every text of the pages in every language."""

    catalogues: dict[str, NullTranslations]

    @classmethod
    def load(cls, *folders: Path) -> Self:
        """Read the .po files of the given folders, one a language."""
        return cls({language: _catalogue(language, folders) for language in LANGUAGES})

    def translate(self, language: str, text: str) -> str:
        """Return a text in a language."""
        return self.catalogues[language].gettext(text)

    def language(self, request: Request) -> str:
        """Return the language that a person chose, or that his browser asks for."""
        chosen = request.cookies.get(COOKIE)
        if chosen in LANGUAGES:
            return chosen
        wanted = _asked(request.headers.get("accept-language", ""))
        return negotiate_locale(wanted, LANGUAGES) or "zh_CN"


def _asked(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the best first (RFC 9110)."""
    weighed = []
    for part in header.split(",")[:ASKED_MAX]:
        name, *parameters = (each.strip() for each in part.split(";"))
        weight = next((_weight(e[2:]) for e in parameters if e.startswith("q=")), 1.0)
        if name and weight > 0:
            language = "zh_CN" if name.lower().startswith("zh") else name
            weighed.append((weight, language.replace("-", "_")))
    best = sorted(weighed, key=lambda each: each[0], reverse=True)
    return [language for _, language in best]


def _weight(text: str) -> float:
    return float(text) if WEIGHT.fullmatch(text) else 0.0


def _catalogue(language: str, folders: tuple[Path, ...]) -> NullTranslations:
    whole = NullTranslations()
    for folder in folders:
        compiled = BytesIO()
        with (folder / f"{language}.po").open("rb") as file:
            write_mo(compiled, read_po(file, locale=language))
        compiled.seek(0)
        found = GNUTranslations(compiled)
        found.add_fallback(whole)
        whole = found
    return whole
