"""Firmware of lock controllers: images, what runs where, how far an update has come."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NewType

ControllerId = NewType("ControllerId", str)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """An image's version, in MCUboot's order."""

    major: int
    minor: int = 0
    revision: int = 0
    build: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.revision}+{self.build}"


@dataclass(frozen=True, slots=True)
class Image:
    """A signed image: what it is, by its own word and its signature's.

    `hash` is the SHA-256 over header and body (32 bytes), by which the bootloader
    knows it; `board` the class of device that it was made for (a UUID, 16 bytes).
    """

    hash: bytes
    version: Version
    counter: int
    board: bytes
    size: int


class ImageFault(Enum):
    """Why an image is not sent to a controller."""

    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    UNSIGNED = "unsigned"
    OTHER_KEY = "other_key"
    CHANGED = "changed"
    OLDER = "older"
    OTHER_BOARD = "other_board"


@dataclass(frozen=True, slots=True)
class Slot:
    """One of a controller's two slots, as it tells of it."""

    hash: bytes
    version: str
    active: bool = False
    confirmed: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Controller:
    """A lock controller as the installer set it up: its board, the door it serves."""

    id: ControllerId
    board: str
    door: str = ""


class Step(Enum):
    """How far an update has come; each is on disk before it is taken."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    TESTING = "testing"
    RESET = "reset"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    FAILED = "failed"


UNDER_WAY = frozenset(
    {Step.UPLOADING, Step.UPLOADED, Step.TESTING, Step.RESET, Step.CONFIRMING}
)


@dataclass(frozen=True, slots=True)
class Update:
    """One controller's latest update."""

    controller: ControllerId
    image: Image
    step: Step
    at: datetime
    before: str = ""
    board: str = field(default="")


class WaitsFor(Enum):
    """Why an update does not start now."""

    SOMEBODY_AT_THE_DOOR = "somebody_at_the_door"
    FIRST_OF_ITS_KIND = "first_of_its_kind"
    ANOTHER_UPDATE = "another_update"
