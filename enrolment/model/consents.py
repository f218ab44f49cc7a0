"""What people agree to, each thing on its own."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ledger.ids import TenantId


class ConsentKind(Enum):
    """What a person may agree to, each on its own (domain.md §6)."""

    FACE_SCAN = "face_scan"
    STATE_IDENTITY = "state_identity"
    FACE_AT_DOOR = "face_at_door"
    GUARDIAN = "guardian"


# On which a template hangs.
FACES = frozenset({ConsentKind.FACE_SCAN, ConsentKind.FACE_AT_DOOR})
# To how somebody is looked at, by whomever.
LOOKS = FACES | {ConsentKind.STATE_IDENTITY}


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent, to one thing, under one text of the notice."""

    tenant: TenantId
    kind: ConsentKind
    notice: str
    given_at: datetime
    withdrawn_at: datetime | None = None
