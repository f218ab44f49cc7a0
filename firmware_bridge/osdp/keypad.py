"""Digits as they are pressed, gathered into codes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Who stops in the middle begins anew; who follows him types no one else's digits.
PAUSE = timedelta(seconds=8)
LONGEST = 12


@dataclass(slots=True)
class Keypad:
    """What has been typed at one keypad so far.

    A code ends with `#`, or by itself once it has `length` digits; `*` takes it back.
    """

    length: int
    _typed: str = field(default="", repr=False)
    _at: datetime | None = None

    def press(self, keys: str, at: datetime) -> list[str]:
        """Take keys in order; return the codes that are now whole."""
        if self._at is not None and at - self._at > PAUSE:
            self._typed = ""
        self._at = at
        whole = []
        for key in keys:
            if key == "*":
                self._typed = ""
            elif key.isascii() and key.isdecimal():
                self._typed = (self._typed + key)[:LONGEST]
            if self._typed and (key == "#" or len(self._typed) >= self.length):
                whole.append(self._typed)
                self._typed = ""
        return whole
