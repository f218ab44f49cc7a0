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
        """Read the .po files of the given folders; English is what the code says."""
        catalogues: dict[str, NullTranslations] = {"en": NullTranslations()}
        for folder in folders:
            with (folder / "zh_CN.po").open("rb") as file:
                compiled = BytesIO()
                write_mo(compiled, read_po(file, locale="zh_CN"))
            compiled.seek(0)
            found = GNUTranslations(compiled)
            if "zh_CN" in catalogues:
                catalogues["zh_CN"].add_fallback(found)
            else:
                catalogues["zh_CN"] = found
        return cls(catalogues)

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
