"""The languages of the pages, from their .po files."""

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
        asked = request.headers.get("accept-language", "")
        wanted = [
            part.split(";")[0].strip().replace("-", "_") for part in asked.split(",")
        ]
        wanted = ["zh_CN" if each.startswith("zh") else each for each in wanted]
        return negotiate_locale(wanted, LANGUAGES) or "zh_CN"


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
