"""Tenants, leases, claims, consents and the register."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import NewType

from devices.model.keys import EKeyId
from devices.model.places import HouseId, RoomId
from ledger.ids import TenantId, new_id

LeaseId = NewType("LeaseId", str)
RegistrationId = NewType("RegistrationId", str)


class EnrolmentError(Exception):
    """Anything that goes wrong on a person's way through enrolment."""


class RoomTaken(EnrolmentError):
    """The room is let to somebody else for part of that time."""


class WindowWrong(EnrolmentError):
    """A lease must end after it starts."""


class LinkDead(EnrolmentError):
    """The link has expired, was replaced, or was never made."""


class CodeWrong(EnrolmentError):
    """The spoken code does not fit the link."""


class OutOfTurn(EnrolmentError):
    """This step needs another one first."""


class ConsentMissing(EnrolmentError):
    """No face is looked at without the person's own consent."""


class NotTheOriginal(EnrolmentError):
    """What the landlord reads on the document is not what the tenant entered."""


class FaceEngineDown(EnrolmentError):
    """The face worker did not answer; the person path works without it."""


class DocumentKind(Enum):
    """Kinds of document, with Lodge's own codes (domain.md §3)."""

    RESIDENT_CARD = "RIC"
    PASSPORT = "PP"
    HM_PERMIT = "HM"
    TW_PERMIT = "TW"
    RESIDENCE_PERMIT = "HMT"
    PERMANENT_RESIDENT = "PRC"


class Sex(Enum):
    """Sex as a document states it (GB/T 2261.1)."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"


class Fault(Enum):
    """What is wrong with a document number."""

    EMPTY = "empty"
    MALFORMED = "malformed"
    OLD_15_DIGITS = "old_15_digits"
    BAD_AREA = "bad_area"
    BAD_BIRTH = "bad_birth"
    BORN_LATER = "born_later"
    BAD_CHECK = "bad_check"


@dataclass(frozen=True, slots=True)
class NumberFinding:
    """What a document number says; true where it is well formed."""

    kind: DocumentKind
    fault: Fault | None = None
    birth: date | None = None
    sex: Sex = Sex.UNKNOWN
    area: str = ""

    def __bool__(self) -> bool:
        return self.fault is None


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is, as his document says."""

    name: str = field(repr=False)
    kind: DocumentKind
    number: str = field(repr=False)
    birth: date | None = field(repr=False, default=None)
    sex: Sex = field(repr=False, default=Sex.UNKNOWN)


class Stage(Enum):
    """How far a tenant's enrolment has come."""

    INVITED = "invited"
    BOUND = "bound"
    NOTICED = "noticed"
    IDENTIFIED = "identified"
    REGISTERED = "registered"
    LEFT = "left"
    ERASED = "erased"


class FacePath(Enum):
    """How the person is matched to the document; both lead to the same key."""

    UNDECIDED = "undecided"
    SCAN = "scan"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Lease:
    """A room let to a tenant for a time, and how far his enrolment has come.

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
    face: "FaceVerdict | None" = None
    left_at: datetime | None = None
    tenancy: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link to enrol: what it hashes to, the spoken code, how long it lives."""

    lease: LeaseId
    token: bytes = field(repr=False)
    code: str = field(repr=False)
    expires: datetime
    tries: int = 0
    bound: bool = False


class ConsentKind(Enum):
    """What a person may agree to, each on its own (domain.md §6)."""

    FACE_SCAN = "face_scan"


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent, to one thing, under one text of the notice."""

    tenant: TenantId
    kind: ConsentKind
    notice: str
    given_at: datetime
    withdrawn_at: datetime | None = None


class CardStep(Enum):
    """How far the reading of a card has come, or what ended it."""

    LOOKING = "looking"
    TAKE_OFF = "take_off"
    PUT_ON = "put_on"
    READING = "reading"
    READ = "read"
    REMOVED = "removed"
    UNREADABLE = "unreadable"
    UNKNOWN_KIND = "unknown_kind"
    EXPIRED = "expired"
    BAD_NUMBER = "bad_number"
    READER_GONE = "reader_gone"
    NOBODY_CAME = "nobody_came"


@dataclass(frozen=True, slots=True)
class CardText:
    """What the chip of a card says of its holder; `until` None: good for ever."""

    person: Person
    until: date | None


class CardFailed(EnrolmentError):
    """A card was not read; the number can be typed instead."""

    def __init__(self, step: CardStep) -> None:
        super().__init__(step.value)
        self.step = step


class ReaderBusy(EnrolmentError):
    """Somebody else's card is being read."""


class FaceFault(Enum):
    """Why a picture cannot be used."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not_a_picture"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"


class FaceVerdict(Enum):
    """What the comparison of two faces means."""

    SAME = "same"
    DOUBT = "doubt"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture: box in pixels (x, y, width, height) and detector score."""

    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the face worker found in a live picture and a document picture.

    `similarity` is the cosine of two SFace embeddings (-1..1); `template` the 128
    float32 of the live face, as bytes. Stills cannot prove liveness.
    """

    similarity: float | None = None
    fault: FaceFault | None = None
    at_fault: str = ""
    faces: tuple[Face, ...] = ()
    template: bytes = field(repr=False, default=b"")
    ms: tuple[tuple[str, float], ...] = ()


class RegistrationKind(Enum):
    """What a version of a registration reports."""

    ARRIVAL = "arrival"
    CHANGE = "change"
    CORRECTION = "correction"
    DEPARTURE = "departure"


class Evidence(Enum):
    """How the person's identity was established."""

    SEEN_BY_PERSON = "seen_by_person"


@dataclass(frozen=True, slots=True)
class Registration:
    """One version of who lives where; the register only ever gains such versions."""

    id: RegistrationId
    version: int
    kind: RegistrationKind
    lease: LeaseId
    tenant: TenantId
    house: HouseId
    room: RoomId
    person: Person
    move_in: datetime
    planned_out: datetime
    recorded_at: datetime
    evidence: Evidence = Evidence.SEEN_BY_PERSON
    moved_out: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A registration's place in the register of this box."""

    sequence: int
    id: RegistrationId
    version: int
    tenant: TenantId
