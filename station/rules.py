"""What a report means for the board, and what is kept of whom the counter saw."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from station.model import Claim, Kind, Occupant


def occupant_of(box: str, report: Mapping[str, Any]) -> Occupant | None:
    """Return who lives where after a report; None once he has left."""
    person, stay, house = report["person"], report["stay"], report["house"]
    if Kind(report["kind"]) is Kind.DEPARTURE or "moved_out" in stay:
        return None
    return Occupant(
        box=box,
        registration=report["registration"],
        version=report["version"],
        house=house["id"],
        area=house["area"],
        addr=house["addr"],
        room=house["room"],
        name=person["name"],
        doc_type=person["doc_type"],
        doc_no=person["doc_no"],
        since=datetime.fromisoformat(stay["move_in"]),
        planned_out=datetime.fromisoformat(stay["planned_out"]),
        landlord=report["landlord"]["name"],
        landlord_phone=report["landlord"]["phone"],
        evidence=report["provenance"]["evidence"],
    )


def board(occupants: Sequence[Occupant]) -> list[tuple[Occupant, list[Occupant]]]:
    """Group occupants by house: one of them for the house's facts, then all by room."""
    ordered = sorted(occupants, key=lambda each: (each.addr, each.house, each.room))
    houses = groupby(ordered, key=lambda each: (each.box, each.house))
    grouped = [list(people) for _, people in houses]
    return [(people[0], people) for people in grouped]


def told(claim: Claim, code: str) -> bytes:
    """Return what a digest at the counter is made of, however it was typed.

    Case, width, spaces, points and hyphens of a name do not count; nor do spaces in a
    number or a code.
    """
    number, name, digits = (
        unicodedata.normalize("NFKC", each).casefold()
        for each in (claim.number, claim.name, code)
    )
    parts = (
        claim.kind,
        "".join(filter(str.isalpha, name)),
        "".join(filter(str.isalnum, number)),
        "".join(filter(str.isdigit, digits)),
    )
    return "\0".join(parts).encode()
