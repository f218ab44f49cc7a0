"""The register of who lives where."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from devices.model.places import HouseId, RoomId
from enrolment.model.documents import Evidence, Person
from enrolment.model.leases import LeaseId, RegistrationId
from ledger.ids import TenantId


class RegistrationKind(Enum):
    """What a version of a registration reports."""

    ARRIVAL = "arrival"
    CHANGE = "change"
    CORRECTION = "correction"
    DEPARTURE = "departure"


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
    evidence: Evidence
    moved_out: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A registration's place in the register of this box."""

    sequence: int
    id: RegistrationId
    version: int
    tenant: TenantId
