"""Verbs about document numbers."""

from typing import Annotated

import typer

from enrolment.model.documents import DocumentKind
from enrolment.rules.documents import check_number
from gateway.cli.answers import NO, Json, tell
from ledger.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help="Document numbers.")


@app.callback()
def about() -> None:
    """Check document numbers as their standards write them."""


@app.command()
def check(
    number: Annotated[str, typer.Argument(help="The number as on the document.")],
    kind: Annotated[
        DocumentKind, typer.Option(help="Kind of document.")
    ] = DocumentKind.RESIDENT_CARD,
    *,
    as_json: Json = False,
) -> None:
    """Say whether a number is well formed, and what it says of itself."""
    found = check_number(kind, number, SystemClock().now().date())
    told = {
        "kind": found.kind.value,
        "valid": bool(found),
        "reason": found.fault.value if found.fault else None,
        "birth": found.birth.isoformat() if found.birth else None,
        "sex": found.sex.value,
        "area": found.area or None,
    }
    tell(told, as_json=as_json, text=lambda: "valid" if found else str(told["reason"]))
    if not found:
        raise typer.Exit(NO)
