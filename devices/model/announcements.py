"""What somebody said on the broker: that a lock is there, and where it listens."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from devices.model.places import LockId

ID_CHARACTERS = 12


class Fault(Enum):
    """Why a lock that was announced cannot be used."""

    NO_COMMAND_TOPIC = "no_command_topic"
    TOPIC = "topic"
    TEMPLATE = "template"
    WORD = "word"
    NAME = "name"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A lock that was announced and cannot be driven, and why."""

    source: str
    name: str
    fault: Fault
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A lock as it was announced, and where it is told what to do: its `place`.

    `source` is who announced it, `topic` and `payload` the message as it came, `terms`
    a digest of all by which the lock is told and heard. One is `used` of those that
    claim to be the same lock; `gone` is one that was taken back while its lock hung.
    """

    source: str
    place: str
    lock: LockId
    name: str
    topic: str
    payload: bytes = field(repr=False)
    terms: str = ""
    used: bool = False
    gone: bool = False

    @property
    def id(self) -> str:
        """A short name for it, the same as long as source and place are."""
        told = f"{self.source} {self.place}".encode()
        return hashlib.sha256(told).hexdigest()[:ID_CHARACTERS]
