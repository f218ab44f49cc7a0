"""Leases, and how far the enrolment in each has come."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

from devices.model.keys import EKeyId
from devices.model.places import HouseId, RoomId
from enrolment.model.documents import Evidence
from enrolment.model.faces import FaceVerdict
from ledger.ids import TenantId, new_id

LeaseId = NewType("LeaseId", str)
RegistrationId = NewType("RegistrationId", str)


class Stage(Enum):
    """How far a tenant's enrolment has come."""

    INVITED = "invited"
    BOUND = "bound"
    NOTICED = "noticed"
    IDENTIFIED = "identified"
    REGISTERED = "registered"
    LEFT = "left"
    ERASED = "erased"


NUMBER_DIGITS = 8
# By such a lease the register may name somebody who can still say what is wrong in it.
NAMED = frozenset({Stage.REGISTERED, Stage.LEFT})
# Nobody lives there by such a lease any more.
ENDED = frozenset({Stage.LEFT, Stage.ERASED})


class FacePath(Enum):
    """How the person is matched to the document; each leads to the same key."""

    UNDECIDED = "undecided"
    STATE = "state"
    SCAN = "scan"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Lease:
    """A room let to a tenant for a time, and how far his enrolment has come.

    `live` says that the face was seen to be somebody's who was there, `fits` that the
    picture it was compared with says the number that was claimed; `claim` counts what
    he has claimed so far, `evidence` says where it came from.

    Leases of one `tenancy` share a room; each has its own key and its own end.
    """

    id: LeaseId
    house: HouseId
    room: RoomId
    tenant: TenantId
    key: EKeyId
    registration: RegistrationId
    starts: datetime
    ends: datetime
    stage: Stage = Stage.INVITED
    path: FacePath = FacePath.UNDECIDED
    face: FaceVerdict | None = None
    live: bool = False
    fits: bool = False
    claim: int = 0
    evidence: Evidence = Evidence.TYPED
    left_at: datetime | None = None
    tenancy: str = field(default_factory=new_id)


# Who is known, and opens a link with his PIN: also for his receipts, once he left.
KNOWN = frozenset({Stage.REGISTERED, Stage.LEFT})


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link to enrol: what it hashes to, the spoken code, how long it lives.

    `phone` is the digest of the page that bound it; that page may ask once more.
    """

    lease: LeaseId
    token: bytes = field(repr=False)
    code: str = field(repr=False)
    expires: datetime
    tries: int = 0
    bound: bool = False
    phone: bytes = field(default=b"", repr=False)

    @property
    def number(self) -> str:
        """The eight digits that are typed by whoever has no link at hand."""
        return f"{int.from_bytes(self.token[:8]) % 10**NUMBER_DIGITS:0{NUMBER_DIGITS}}"
