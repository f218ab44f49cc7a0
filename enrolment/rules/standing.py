"""How far a claim has been checked, and whose word is all that is missing."""

from enrolment.model.documents import Evidence
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import FacePath, Lease, Stage

# Who was checked outside: by the state's channel, or by an officer at the counter.
OUTSIDE = {
    (FacePath.STATE, Evidence.STATE_VERIFIED),
    (FacePath.PERSON, Evidence.SEEN_BY_PERSON),
    (FacePath.SCAN, Evidence.SEEN_BY_PERSON),
}


def was_there(lease: Lease) -> bool:
    """Say whether a scan saw the person alive, and clearly as on his document."""
    same = lease.face is FaceVerdict.SAME
    return lease.path is FacePath.SCAN and lease.live and same


def may_send(lease: Lease) -> bool:
    """Say whether the tenant's own word is all that is missing."""
    same = was_there(lease) and lease.fits
    known = (lease.path, lease.evidence) in OUTSIDE
    return lease.stage is Stage.IDENTIFIED and (same or known)


def awaits_person(lease: Lease) -> bool:
    """Say whether the landlord's look is all that is missing."""
    looked = lease.face in {FaceVerdict.SAME, FaceVerdict.DOUBT}
    person = lease.path is FacePath.PERSON
    waits = looked and not may_send(lease)
    return lease.stage is Stage.IDENTIFIED and (waits or person)


def evidence(lease: Lease) -> Evidence:
    """Say how an identity will have been established once it is registered."""
    if (lease.path, lease.evidence) in OUTSIDE:
        return lease.evidence
    if not may_send(lease):
        return Evidence.SEEN_BY_PERSON
    chip = lease.evidence is Evidence.CHIP
    return Evidence.CHIP if chip else Evidence.PICTURE
