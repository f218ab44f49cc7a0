"""What is known of a tenant, by field: where from, since when, why, who was told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cloud_sync.model import DeliveryState
from enrolment.model.documents import Person
from enrolment.model.rights import IDENTITY, Basis, Disclosure
from enrolment.rules.documents import tells_birth
from enrolment.rules.fields import said

# What a report holds (police_report); the rest stays on the box.
REPORTED = {
    "name",
    "latin",
    "document",
    "number",
    "birth",
    "sex",
    "move_in",
    "move_out",
}
IDENTITIES = {"name", "document", "number"}
POLICE = "police"
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Known:
    """One field. `source`, `basis` and the station in `to` are words of the pages.

    `at` is an instant of the day that a date says, the last one lived in.
    """

    name: str
    value: str
    source: str
    since: datetime | None
    basis: str
    to: tuple[str, ...]
    at: datetime | None = None


def known(told: Mapping[str, Any]) -> list[Known]:
    """Return each field that is kept of a person, in the order of the pages."""
    data, lease = told["data"], told["lease"]
    typed = f"source/{lease.evidence.value}"
    sent = max(
        (e.version for e in told["deliveries"] if e.state is DeliveryState.ACCEPTED),
        default=0,
    )

    def field(name: str, value: str, source: str) -> Known:
        version = data.versions.get(name)
        known = sent >= (version.version if version else 1)
        to = [POLICE] if known and name in REPORTED else []
        to += sorted({each.to for each in data.disclosures if name in _shown(each)})
        since = version.recorded_at if version else data.since
        return Known(name, value, source, since, "basis/duty", tuple(to))

    fields = []
    if (person := data.person) is not None:
        sources = dict.fromkeys(("birth", "sex"), source_of(person))
        sources["guardian"] = "source/typed"
        fields += [field(n, v, sources.get(n, typed)) for n, v in said(person)]
    if data.label:
        fields.append(field("label", data.label, "source/landlord"))
    came, goes = data.versions.get("move_in"), data.versions.get("move_out")
    starts = came.move_in if came else lease.starts
    ends = goes.moved_out or goes.planned_out if goes else lease.ends
    last = goes.moved_out if goes and goes.moved_out else ends - MOMENT
    days = (("move_in", starts, starts), ("move_out", ends, last))
    for name, at, day in days:
        found = field(name, at.isoformat(), "source/landlord")
        fields.append(replace(found, at=day))
    return fields


def _shown(told: Disclosure) -> Collection[str]:
    if told.fields == IDENTITY:
        return IDENTITIES
    return told.fields.split(", ") if told.basis is Basis.CORRECTION else ()


def source_of(person: Person) -> str:
    """Say where birth date and sex come from, in a word of the pages."""
    return "source/number" if tells_birth(person) else "source/document"
