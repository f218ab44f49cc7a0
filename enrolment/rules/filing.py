"""When so many faces are stored that they have to be filed (face rules of 2025, 15)."""

from enum import Enum

FILED_FROM = 100_000
ALARM_FROM = 80_000


class Filing(Enum):
    """How the number of stored faces stands to the duty."""

    FREE = "free"
    NEAR = "near"
    DUE = "due"


def filing(stored: int) -> Filing:
    """Say whether so many people's stored face data have to be filed."""
    if stored >= FILED_FROM:
        return Filing.DUE
    return Filing.NEAR if stored >= ALARM_FROM else Filing.FREE
