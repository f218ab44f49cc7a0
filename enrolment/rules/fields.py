"""What a claim says, field by field: what differs, and since when each is so."""

from collections.abc import Iterator, Mapping, Sequence

from enrolment.model.documents import Person, Sex
from enrolment.model.register import Registration


def said(person: Person) -> Iterator[tuple[str, str]]:
    """Yield name and value of each field that a person's document tells of him."""
    yield "name", person.name
    if person.latin:
        yield "latin", person.latin
    yield "document", person.kind.value
    yield "number", person.number
    if person.birth:
        yield "birth", person.birth.isoformat()
    if person.sex is not Sex.UNKNOWN:
        yield "sex", person.sex.value
    if person.guardian:
        yield "guardian", person.guardian


def changed(before: Person, after: Person) -> list[tuple[str, str]]:
    """Return the fields that are otherwise than before; one that is gone is empty."""
    was, now = dict(said(before)), dict(said(after))
    names = [*now, *(name for name in was if name not in now)]
    return [(n, now.get(n, "")) for n in names if now.get(n) != was.get(n)]


def as_of(versions: Sequence[Registration]) -> Mapping[str, Registration]:
    """Return the version as of which each field is registered as it is now."""
    found, was = {}, dict[str, str]()
    for version in versions:
        now = dict(said(version.person))
        now["move_in"] = version.move_in.isoformat()
        now["move_out"] = (version.moved_out or version.planned_out).isoformat()
        for name, value in now.items():
            if was.get(name) != value:
                found[name] = version
        was = now
    return found
