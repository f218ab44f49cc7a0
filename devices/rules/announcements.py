"""Which of those who claim to be a lock is driven as that lock."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from devices.model.announcements import Announcement


def announced(
    known: Iterable[Announcement], new: Announcement, *, hung: bool
) -> Sequence[Announcement]:
    """Return what is known of a lock once somebody announced it.

    The first is used. Who announces the same in every word is the same lock, by another
    name perhaps; another place is taken from the same source while the lock does not
    hang, and else waits, as another source's always does, until a person chooses.
    """
    others = [each for each in known if (each.source, each.place) != _key(new)]
    used = next((each for each in known if each.used), None)
    if used is None or _key(used) == _key(new):
        return [*others, replace(new, used=True, gone=False)]
    if used.gone and _same(used, new):
        return [*(each for each in others if each != used), replace(new, used=True)]
    if new.source == used.source and not hung and new.place != used.place:
        kept = [each for each in others if each.source != new.source]
        return [*kept, replace(new, used=True)]
    # Of what one source said, the latest waits.
    kept = [each for each in others if each.used or each.source != new.source]
    return [*kept, new]


def taken_back(
    known: Iterable[Announcement], source: str, *, hung: bool
) -> Sequence[Announcement]:
    """Return what is known of a lock once a source took back what it announced.

    Another that says the same in every word goes on in its stead, or the only one that
    is left where the lock does not hang. One that hangs stays as it is, and is gone.
    """
    listed = list(known)
    used = next((each for each in listed if each.used), None)
    left = [each for each in listed if each.source != source]
    if used is None or used.source != source:
        return left
    heirs = [each for each in left if _same(each, used)] or (
        [] if hung or len(left) > 1 else left
    )
    if heirs:
        return [replace(each, used=each == heirs[0]) for each in left]
    return [*left, replace(used, gone=True)] if hung else left


def chosen(known: Iterable[Announcement], which: str) -> Sequence[Announcement]:
    """Return what is known of a lock once a person said which one it is.

    What was used before is forgotten where it came from the same source.
    """
    listed = list(known)
    source = next(each.source for each in listed if each.id == which)
    return [
        replace(each, used=each.id == which, gone=False)
        for each in listed
        if each.id == which or each.source != source
    ]


def rivals(known: Iterable[Announcement]) -> Sequence[Announcement]:
    """List those who claim to be a lock that is driven otherwise."""
    listed = list(known)
    used = [each for each in listed if each.used]
    return [e for e in listed if not any(_same(e, each) for each in used)]


def _same(one: Announcement, two: Announcement) -> bool:
    return (one.place, one.terms) == (two.place, two.terms)


def _key(announcement: Announcement) -> tuple[str, str]:
    return announcement.source, announcement.place
