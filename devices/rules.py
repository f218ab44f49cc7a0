"""Who may pass: pure decisions over doors, keys and PINs."""

from datetime import datetime, timedelta
from itertools import pairwise

from devices.model import (
    Credential,
    CredentialState,
    EKey,
    KeyState,
    Light,
    Refusal,
    Task,
    Unlock,
    Verdict,
)
from ledger.clock import Trust

PIN_DIGITS = 6
DIFFERENT_DIGITS = 3
# A wrong code costs the keypad a pause once it was wrong this often (design §7).
TRIES = 5
TRIES_WINDOW = timedelta(minutes=1)
# How long a lock may take to say that it did what it was told.
CONFIRM_WITHIN = timedelta(seconds=10)
WRITES = 5
PAUSE_MAX = timedelta(minutes=10)
# Yellow from a quarter of the term on (domain.md §1, "Clock rules").
YELLOW_SHARE = 0.25


def judge(request: Unlock, key: EKey | None) -> Verdict:
    """Say whether the key opens the door it was shown to.

    A clock in doubt shuts nobody out before his time; it never opens past an end.
    """
    match key:
        case None:
            refusal = Refusal.UNKNOWN_KEY
        case EKey(door=door) if door != request.door:
            refusal = Refusal.WRONG_DOOR
        case EKey(state=KeyState.REVOKED):
            refusal = Refusal.REVOKED
        case EKey(state=KeyState.PENDING):
            refusal = Refusal.PENDING
        case EKey(ends=ends) if request.asked_at >= ends:
            refusal = Refusal.EXPIRED
        case EKey(starts=starts) if (
            request.trust is Trust.SURE and request.asked_at < starts
        ):
            refusal = Refusal.NOT_YET
        case _:
            return Verdict(request, key)
    return Verdict(request, key, refusal)


def weak(pin: str) -> bool:
    """Say whether a PIN is guessed too easily: one digit, or a run up or down."""
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    few = len(set(pin)) < DIFFERENT_DIGITS
    return len(pin) != PIN_DIGITS or few or steps in ({1}, {-1})


def free_slot(taken: set[int], slots: int) -> int | None:
    """Return the lowest slot that nobody holds; slot 0 is left to the lock's master."""
    return next((slot for slot in range(1, slots) if slot not in taken), None)


def wanted(credential: Credential, key: EKey, now: datetime) -> CredentialState:
    """Say what should stand at the lock: CONFIRMED (it holds the PIN) or CLEARED."""
    if credential.state in {CredentialState.CLEARING, CredentialState.CLEARED}:
        return CredentialState.CLEARED
    if key.state is KeyState.REVOKED or now >= key.ends:
        return CredentialState.CLEARED
    if key.state is KeyState.ACTIVE and now >= key.starts:
        return CredentialState.CONFIRMED
    return CredentialState.WAITING


def pause(tries: int) -> timedelta:
    """Return how long to wait before a lock is told again, doubling to ten minutes."""
    return min(CONFIRM_WITHIN * (1 << min(tries, 10)), PAUSE_MAX)


def light(task: Task, now: datetime) -> Light:
    """Return green, yellow in the last quarter of the term, red when overdue."""
    if now >= task.due:
        return Light.RED
    if task.due - now <= task.term * YELLOW_SHARE:
        return Light.YELLOW
    return Light.GREEN
