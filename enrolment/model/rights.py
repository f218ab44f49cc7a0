"""What a person may know and ask about his own data (PIPL 44 to 50)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

from enrolment.model.documents import Person
from enrolment.model.leases import LeaseId
from ledger.ids import TenantId

RequestId = NewType("RequestId", str)
# What names somebody to others: what a landlord keeps, and whoever checks is asked.
IDENTITY = "name, kind and number of document"


class Basis(Enum):
    """On what ground somebody was told something."""

    LANDLORD_REGISTER = "landlord_register"
    STATE_IDENTITY = "state_identity"
    COUNTER = "counter"
    BY_LINK = "by_link"
    LANDLORD_PHONE = "landlord_phone"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Somebody was told something of a person, other than a registry by a report.

    Of a correction, `fields` names each that its landlord compares.
    """

    tenant: TenantId
    at: datetime
    to: str
    fields: str
    basis: Basis
    purpose: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Farewell:
    """By what somebody who moved out is known again: the SHA-256 of his code."""

    lease: LeaseId
    code: bytes = field(repr=False)
    until: datetime


class RequestKind(Enum):
    """What a person asks of who handles his data."""

    EXPLAIN = "explain"
    CORRECT = "correct"
    DELETE = "delete"
    COMPLAIN = "complain"


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """A person's request, and what was answered; without an answer it is open.

    Its words, and as whom he wants to be registered where he is not so (`proposed`),
    lie under the key of `tenant`; they are empty once that is destroyed.
    """

    id: RequestId
    tenant: TenantId
    lease: LeaseId
    kind: RequestKind
    at: datetime
    due: datetime
    text: str = field(repr=False)
    granted: bool | None = None
    answer: str = field(repr=False, default="")
    answered_at: datetime | None = None
    proposed: Person | None = field(repr=False, default=None)
