"""What only a resident may agree to, or an official paper stand in for."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

from ledger.ids import TenantId

ApprovalId = NewType("ApprovalId", str)


class ApprovalKind(Enum):
    """What a landlord asks of a resident."""

    END_LEASE = "end_lease"
    FREEZE_KEY = "freeze_key"
    OPEN_DOOR = "open_door"


class Answer(Enum):
    """What came of it; a paper answers for the resident, and he is told."""

    YES = "yes"
    NO = "no"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Paper:
    """An official paper: which authority, which number."""

    authority: str
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to one resident about a lease, a key or a door."""

    id: ApprovalId
    kind: ApprovalKind
    about: str
    asked_by: str
    resident: TenantId
    asked_at: datetime
    expires: datetime
    answer: Answer | None = None
    answered_at: datetime | None = None
    paper: Paper | None = None

    def granted(self, at: datetime) -> bool:
        """Whether it may be acted on at an instant."""
        said = self.answer in {Answer.YES, Answer.PAPER}
        return said and at < self.expires
