"""What only a resident may agree to, or an official paper stand in for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

from ledger.ids import TenantId

ApprovalId = NewType("ApprovalId", str)


# Whoever a paper is against is told so long before it is acted on (the user's decision,
# issue "nobody gets in").
HEARD = timedelta(hours=72)


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

    @property
    def from_(self) -> datetime | None:
        """Since when it may be acted on; a paper only once its resident had time."""
        if self.answer is Answer.PAPER and self.answered_at is not None:
            return self.answered_at + HEARD
        return self.answered_at if self.answer is Answer.YES else None

    def granted(self, at: datetime) -> bool:
        """Whether it may be acted on at an instant."""
        return self.from_ is not None and self.from_ <= at < self.expires
