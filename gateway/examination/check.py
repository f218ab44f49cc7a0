"""What a look finds, and how the box that runs is asked."""

from dataclasses import dataclass
from typing import Any

import httpx

from gateway.settings import LodgeSettings

WITHIN = 3.0
# A silent reader's line is looked through, address by address.
LOOKING = 15.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


def ask_box(settings: LodgeSettings, path: str) -> dict[str, Any] | None:
    """Ask the running box by its socket; None where none answers."""
    path_of = settings.at(settings.socket)
    if not path_of.exists():
        return None
    transport = httpx.HTTPTransport(uds=str(settings.at(settings.socket)))
    try:
        with httpx.Client(transport=transport, timeout=LOOKING) as client:
            answer = client.get(f"http://lodge{path}").raise_for_status()
            found = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None
