"""PINs: which are good, which slot, and what ought to stand at the lock."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from devices.model.keys import Credential, CredentialState, EKey, KeyState, Wish
from devices.model.locks import Digits
from devices.rules.keys import live, over

PIN_DIGITS = 6
# What a lock or a keypad of any make takes.
DIGITS_LEAST, DIGITS_MOST = 4, 16
DIFFERENT_DIGITS = 3
# How long a lock may take to say that it did what it was told.
CONFIRM_WITHIN = timedelta(seconds=10)
WRITES = 5
PAUSE_MAX = timedelta(minutes=10)
AT_THE_LOCK = {
    CredentialState.WRITING,
    CredentialState.CONFIRMED,
    CredentialState.UNCONFIRMED,
}
# A card tells a number that nobody types: longer than any PIN.
CARD_LEAST = 8
CARD = re.compile(rf"[0-9A-Za-z]{{{CARD_LEAST},40}}")
# By how many digits a PIN has.
BIRTHDAYS = {
    4: ("%d%m", "%m%d"),
    6: ("%y%m%d", "%d%m%y", "%m%d%y"),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
}
YEAR = re.compile(r"(19|20)\d\d")


def drawn(digits: int = PIN_DIGITS) -> str:
    """Draw a PIN by chance, weak or not."""
    return f"{secrets.randbelow(10**digits):0{digits}}"


def length(taken: Iterable[Digits]) -> int | None:
    """Return how many digits a PIN has that all of these locks take; None where none.

    Six where they leave the choice, else as near to six as they do. A longer number
    than seven digits is a card's.
    """
    least, most = DIGITS_LEAST, CARD_LEAST - 1
    for each in taken:
        least, most = max(least, each.least), min(most, each.most)
    return None if least > most else min(max(PIN_DIGITS, least), most)


def fits(pin: str, digits: Digits) -> bool:
    """Say whether a lock takes a PIN of this length, as far as anybody said."""
    return not digits.sure or digits.least <= len(pin) <= digits.most


def weak(pin: str) -> bool:
    """Say whether a PIN is guessed too easily.

    One digit, few digits, a run up or down, a pair or triple again and again, or
    anybody's birthday or year of birth.
    """
    if len(pin) < DIGITS_LEAST or not (pin.isascii() and pin.isdecimal()):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    few = len(set(pin)) < DIFFERENT_DIGITS
    again = any(pin == pin[:size] * (len(pin) // size) for size in (2, 3))
    return few or again or steps in ({1}, {-1}) or _birthday(pin)


def card(code: str) -> bool:
    """Say whether a code that a keypad told is a card's."""
    return CARD.fullmatch(code) is not None


def _birthday(pin: str) -> bool:
    if YEAR.fullmatch(pin):
        return True
    for form in BIRTHDAYS.get(len(pin), ()):
        try:
            # 2000 is a leap year; only whether there is such a day.
            day = pin if "%y" in form.lower() else f"2000{pin}"
            datetime.strptime(day, form if day is pin else f"%Y{form}")  # noqa: DTZ007
        except ValueError:
            continue
        return True
    return False


def free_slot(taken: set[int], slots: int, first: int = 1) -> int | None:
    """Return the lowest slot that nobody holds; those below `first` are masters'."""
    return next((slot for slot in range(first, slots) if slot not in taken), None)


def wish(key: EKey, at: datetime) -> Wish:
    """Say what ought to stand at the lock for a key."""
    if over(key, at) or key.state is KeyState.PENDING:
        return Wish.GONE if over(key, at) else Wish.RESTS
    return Wish.HELD if live(key, at) else Wish.RESTS


def next_step(credential: Credential, key: EKey, at: datetime) -> CredentialState:
    """Return the state that the credential has to go to next; its own where none."""
    state = credential.state
    match wish(key, at):
        case Wish.HELD if state is CredentialState.WAITING:
            return CredentialState.WRITING
        case Wish.RESTS if state in AT_THE_LOCK:
            return CredentialState.CLEARING
        case Wish.GONE if state in AT_THE_LOCK:
            return CredentialState.CLEARING
        case Wish.GONE if state is CredentialState.WAITING:
            return CredentialState.CLEARED
        case _:
            return state


def heard(
    state: CredentialState, *, held: bool, ended: bool, other: bool = False
) -> CredentialState:
    """Return the state after the lock's own word about a slot.

    An emptied slot is free for ever once the key has `ended`, else it waits. One that
    holds an `other` PIN than the key's is emptied.
    """
    match state, held:
        case _ if held and other:
            known = state in AT_THE_LOCK - {CredentialState.WRITING}
            return CredentialState.CLEARING if known else state
        case ((CredentialState.WRITING | CredentialState.UNCONFIRMED), True):
            return CredentialState.CONFIRMED
        case CredentialState.CLEARING, False:
            return CredentialState.CLEARED if ended else CredentialState.WAITING
        case CredentialState.CONFIRMED, False:
            return CredentialState.WAITING
        case _:
            return state


def pause(tries: int) -> timedelta:
    """Return how long to wait before a lock is told again, doubling to ten minutes."""
    return min(CONFIRM_WITHIN * (1 << min(tries, 10)), PAUSE_MAX)
