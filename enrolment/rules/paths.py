"""Which ways of being checked a box offers, in which order."""

from enrolment.model.leases import FacePath


def offered(*, state: bool, faces: bool) -> tuple[FacePath, ...]:
    """Return the ways that are open, the one to be preferred first.

    The state's own identity channel goes before a face check of one's own (face rules
    of 2025, 11); a person's look is always there, and before the face (10).
    """
    first = (FacePath.STATE,) if state else ()
    last = (FacePath.SCAN,) if faces else ()
    return (*first, FacePath.PERSON, *last)
