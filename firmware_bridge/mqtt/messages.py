"""What zigbee2mqtt's messages say, and what Lodge tells it, whatever their form."""

from dataclasses import dataclass, field
from enum import Enum

from devices.model.locks import ASSUMED, Bolt, Digits, ReadBack
from devices.model.tasks import Incident

DISARM = "disarm"


class Role(Enum):
    """What a device is to Lodge."""

    LOCK = "lock"
    KEYPAD = "keypad"
    SENSOR = "sensor"


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of bridge/devices that is a lock, a keypad, or a sensor."""

    address: str
    name: str
    model: str
    role: Role
    slots: int = 0
    read_back: ReadBack = ReadBack.STATUS
    first_slot: int = 1
    digits: Digits = ASSUMED
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Devices:
    """The broker's list of devices that concern Lodge."""

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """What a lock is said to hold in a slot, and which PIN where that is told."""

    number: int
    held: bool
    pin: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class State:
    """What a device said of itself; None where it said nothing.

    `last_seen` is when the bridge last heard the device itself, in whatever form.
    """

    name: str
    bolt: Bolt | None = None
    battery: int | None = None
    slots: tuple[Slot, ...] = ()
    last_seen: str | None = None


@dataclass(frozen=True, slots=True)
class Bridge:
    """Whether zigbee2mqtt itself is there."""

    up: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether zigbee2mqtt reaches the device."""

    name: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A lock opened by its own judgement, by which slot and source."""

    name: str
    slot: int | None
    source: str


@dataclass(frozen=True, slots=True)
class LastUser:
    """Who used the lock last, told in every state: news only where it changed."""

    name: str
    slot: int
    source: str


@dataclass(frozen=True, slots=True)
class Stored:
    """When the lock last stored (or cleared) a PIN: news only where it changed."""

    name: str
    cleared: bool
    stamp: str


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Somebody typed a code that the lock itself refused."""

    name: str


@dataclass(frozen=True, slots=True)
class Programmed:
    """Somebody changed the codes at the lock; which slot, where it says so."""

    name: str
    slot: int | None


@dataclass(frozen=True, slots=True)
class Sensed:
    """A sensor, or the lock itself, says that something is or is no longer so."""

    name: str
    incident: Incident
    on: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """Whether the leaf stands open."""

    name: str
    open: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed a key of a keypad, after a code or a card, or after nothing.

    `transaction` is the number under which the keypad waits for an answer.
    """

    name: str
    action: str
    code: str = field(repr=False)
    transaction: int | None = None

    @property
    def opens(self) -> bool:
        """Whether this key asks for the door: to arm something is not to open."""
        return self.action == DISARM


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that means nothing here, and why; its content is not repeated."""

    name: str
    reason: str


Event = (
    Devices
    | State
    | Bridge
    | Availability
    | Opened
    | LastUser
    | Stored
    | WrongCode
    | Programmed
    | Sensed
    | Contact
    | Pressed
    | Unreadable
)


@dataclass(frozen=True, slots=True)
class Told:
    """A message to publish; secret ones must not be queued or retained anywhere."""

    topic: str
    payload: bytes = field(repr=False)
    secret: bool = False
