"""Deliveries: how far each registration version has come at each registry."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from cloud_sync.wire import Key
from enrolment.model.leases import RegistrationId
from ledger.ids import TenantId


class SyncError(Exception):
    """Anything that goes wrong between the box and a registry."""


class NotPaired(SyncError):
    """The box has no station yet; pair it with `lodge pair`."""


class PairingRefused(SyncError):
    """The station does not know the code, or is not who it claims to be."""


class StrangeKey(SyncError):
    """Whoever answers at the station's address holds a TLS key that is not its own."""


class UnknownDelivery(SyncError):
    """There is no such delivery."""


class Settled(SyncError):
    """Nothing of a delivery is left to be sent."""


class DeliveryState(Enum):
    """What is known of a delivery; `unknown` is asked again with the same key.

    One that was rejected is `superseded` once a correction goes in its place.
    """

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


# About these nobody has to be told any more.
SETTLED = {DeliveryState.ACCEPTED, DeliveryState.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The notes of one registration version's way to one registry."""

    sequence: int
    registration: RegistrationId
    version: int
    tenant: TenantId
    profile: str
    noted_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    tries: int = 0
    due: datetime | None = None
    reason: str = ""
    receipt: bytes = field(repr=False, default=b"")


class Outcome(Enum):
    """What a registry's answer means."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LATER = "later"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """A registry's answer to one delivery; `pause` where it named one, in seconds."""

    outcome: Outcome
    reason: str = ""
    receipt: bytes = field(repr=False, default=b"")
    pause: float | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A report ready for its registry."""

    key: Key
    sequence: int
    report: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How many deliveries stand in each state, and how old the oldest open one is."""

    queued: int
    sending: int
    unknown: int
    accepted: int
    rejected: int
    superseded: int
    oldest_seconds: float | None
