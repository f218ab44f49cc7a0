"""Houses, rooms and doors."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

HouseId = NewType("HouseId", str)
RoomId = NewType("RoomId", str)
DoorId = NewType("DoorId", str)
LockId = NewType("LockId", str)


@dataclass(frozen=True, slots=True)
class Landlord:
    """Who lets the house, as a registry wants to know him."""

    account: str
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Taker:
    """A landlord who takes what was found, and whether he is the box's only one."""

    account: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A house that its landlord gives to another, by the name of his account."""

    house: HouseId
    to: str
    expires: datetime


class Sharing(Enum):
    """What a landlord's Home Assistant gets of a house's doors."""

    OFF = "off"
    SHOWN = "shown"
    UNLOCKS = "unlocks"


@dataclass(frozen=True, slots=True)
class House:
    """A rental house; its hours are those of its IANA time zone."""

    id: HouseId
    name: str
    address: str
    area: str
    landlord: Landlord
    time_zone: str = "Asia/Shanghai"
    std_addr_code: str = ""
    sharing: Sharing = Sharing.OFF


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is let."""

    id: RoomId
    house: HouseId
    name: str


@dataclass(frozen=True, slots=True)
class Door:
    """A door, the lock on it, and the keypad beside it where there is one.

    A door of a room is its residents', as is every door of a house with one room alone;
    one without a room leads to several, and is an entrance all share.
    At one with a `second_look` residents may have their face looked at after their PIN.
    """

    id: DoorId
    house: HouseId
    name: str
    lock: LockId
    keypad: str = ""
    room: RoomId | None = None
    second_look: bool = False
