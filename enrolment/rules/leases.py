"""When leases clash, and when a person's data may go."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from enrolment.model.leases import ENDED, Lease, Stage
from enrolment.model.rights import RequestKind, RightsRequest
from ledger.attempts import Limit

LINK_LIVES = timedelta(days=7)
# How long the page that bound a link may ask again.
ASKS_AGAIN = timedelta(minutes=10)
CODE_TRIES = 5
# A lease's links together: then a pause that grows to an hour; one is forgiven an hour.
OF_LEASE = Limit(
    free=2 * CODE_TRIES, longest=timedelta(hours=1), forgives=timedelta(hours=1)
)
# No lease is made for longer (Civil Code art. 705): twenty years.
LASTS = timedelta(days=7305)
# As many as an officer's code has, and more than a PIN.
COUNTER_DIGITS = 8


def clashes(lease: Lease, others: Iterable[Lease]) -> bool:
    """Say whether another tenancy holds the same room for part of the same time."""
    return any(
        other.room == lease.room
        and other.tenancy != lease.tenancy
        and other.stage not in ENDED
        and other.starts < lease.ends
        and lease.starts < other.ends
        for other in others
    )


def deletion(asked: Iterable[RightsRequest]) -> bool:
    """Say whether a person was granted that his data go (PIPL 47)."""
    return any(e.kind is RequestKind.DELETE and e.granted for e in asked)


def moves_in(lease: Lease, now: datetime) -> datetime:
    """Return what is reported as the move-in of whoever registers now."""
    return max(lease.starts, now)


def may_erase(
    lease: Lease, now: datetime, retention: timedelta, *, duty_open: bool
) -> bool:
    """Say whether a person's data may go: he left, the term is over, no duty is open.

    A legal duty still open beats deletion (Network Data Regulation art. 24, PIPL 47).
    """
    if lease.stage is not Stage.LEFT or lease.left_at is None or duty_open:
        return False
    return now >= lease.left_at + retention
