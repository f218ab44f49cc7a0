"""What is known of a tenant, by field: where from, since when, why, who was told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud_sync.model import DeliveryState
from enrolment.model.documents import Person
from enrolment.model.rights import IDENTITY
from enrolment.rules.documents import tells_birth

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
# What a document says of its holder, and a correction may put right.
DOCUMENT = {"name", "latin", "document", "number", "birth", "sex", "guardian"}
IDENTITIES = {"name", "document", "number"}
POLICE = "police"


@dataclass(frozen=True, slots=True)
class Known:
    """One field. `source`, `basis` and the station in `to` are words of the pages."""

    name: str
    value: str
    source: str
    since: datetime | None
    basis: str
    to: tuple[str, ...]


def known(told: Mapping[str, Any]) -> list[Known]:
    """Return each field that is kept of a person, in the order of the pages."""
    data, lease = told["data"], told["lease"]
    typed = f"source/{lease.evidence.value}"
    sent = any(each.state is DeliveryState.ACCEPTED for each in told["deliveries"])
    saw = {each.to for each in data.disclosures if each.fields == IDENTITY}

    def field(name: str, value: str, source: str) -> Known:
        to = [POLICE] if sent and name in REPORTED else []
        to += sorted(saw) if name in IDENTITIES else []
        since = data.corrected if name in DOCUMENT else data.since
        return Known(name, value, source, since, "basis/duty", tuple(to))

    fields = [field(name, value, typed) for name, value in _identity(data.person)]
    if data.person is not None:
        source = source_of(data.person)
        fields += [field(name, value, source) for name, value in _more(data.person)]
    if data.person is not None and data.person.guardian:
        fields.append(field("guardian", data.person.guardian, "source/typed"))
    if data.label:
        fields.append(field("label", data.label, "source/landlord"))
    stay = {"move_in": lease.starts, "move_out": lease.ends}
    return fields + [
        field(name, at.isoformat(), "source/landlord") for name, at in stay.items()
    ]


def changed(before: Person, after: Person) -> list[tuple[str, str]]:
    """Return the fields that are otherwise on a person's document than was claimed."""
    told = set(_said(before))
    return [each for each in _said(after) if each not in told]


def _said(person: Person) -> Iterator[tuple[str, str]]:
    yield from _identity(person)
    yield from _more(person)
    yield "guardian", person.guardian or "-"


def _identity(person: Person | None) -> Iterator[tuple[str, str]]:
    if person is not None:
        yield "name", person.name
        if person.latin:
            yield "latin", person.latin
        yield "document", person.kind.value
        yield "number", person.number


def _more(person: Person) -> Iterator[tuple[str, str]]:
    if person.birth:
        yield "birth", person.birth.isoformat()
    if person.sex.value != "0":
        yield "sex", person.sex.value


def source_of(person: Person) -> str:
    """Say where birth date and sex come from, in a word of the pages."""
    return "source/number" if tells_birth(person) else "source/document"
