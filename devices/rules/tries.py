"""Wrong codes cost a door a pause that grows; never a whole house."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devices.model.keys import LONG_AGO

# The user's decision (issue "Doors"): five free tries, then a pause that doubles.
FREE_TRIES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a door was asked wrongly of late, and until when it answers nobody."""

    wrong: int = 0
    last: datetime = LONG_AGO
    shut_until: datetime = LONG_AGO


def shut(tries: Tries, at: datetime) -> bool:
    """Say whether the door answers no code now.

    A clock that was set back ends the pause rather than stretch it.
    """
    return tries.last <= at < tries.shut_until


def after_wrong(tries: Tries, at: datetime) -> Tries:
    """Count a wrong code."""
    if at - tries.last > FORGOTTEN_AFTER:
        tries = Tries()
    wrong = tries.wrong + 1
    if wrong < FREE_TRIES:
        return replace(tries, wrong=wrong, last=at)
    doubled = FIRST_PAUSE * (1 << min(wrong - FREE_TRIES, 10))
    return Tries(wrong, at, at + min(doubled, LONGEST_PAUSE))
