"""What a browser or a program is told when something is not so (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from porch.pages import Pages

TYPE = "urn:lodge:problem:"
FRESH, SECOND = "fresh", "second_factor"


class Problem(Exception):
    """A refusal with a stable type, a status, and a sentence that is translated.

    `more` are members that its document has beside.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        errors: Sequence[Mapping[str, str]] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.title = title
        self.errors = list(errors)
        self.more = dict(more or {})

    def document(self, pages: Pages) -> dict[str, Any]:
        """Return the problem document, in both languages."""
        told: dict[str, Any] = {
            "type": f"{TYPE}{self.kind}",
            "status": self.status,
            "title": self.title,
            "title_zh": pages.words.translate("zh_CN", self.title),
        }
        if self.errors:
            told["errors"] = self.errors
        return told | self.more


def answer(pages: Pages, request: Request, problem: Problem) -> Response:
    """Answer with a page for a person, a problem document for a program."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page:
        media = "application/problem+json"
        told = problem.document(pages)
        return JSONResponse(told, status_code=problem.status, media_type=media)
    unknown = problem.status == 401  # noqa: PLR2004 - HTTP's own number
    if unknown and request.method == "GET":
        return RedirectResponse("/sign-in", status_code=303)
    if problem.kind == SECOND:
        return RedirectResponse("/account/factor", status_code=303)
    if problem.kind == FRESH:
        came = urlsplit(request.headers.get("referer", "")).path or "/"
        if request.method == "GET":
            came = request.url.path
        return pages.show(request, "confirm.html", {"back": came}, status=403)
    return pages.show(
        request, "problem.html", {"problem": problem}, status=problem.status
    )
