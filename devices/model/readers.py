"""Readers on a serial line, and the keys by which they are spoken to."""

from dataclasses import dataclass, field

from devices.model.places import LockId


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """A reader's own key (SCBK, 16 bytes), and whether the reader is known to hold it.

    It is on disk before a reader is given it, so that no reader is lost to a power cut.
    """

    lock: LockId
    secret: bytes = field(repr=False)
    installed: bool = False
