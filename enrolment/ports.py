"""What enrolment needs from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from devices.model.places import HouseId
from enrolment.model import (
    CardStep,
    CardText,
    Comparison,
    Consent,
    ConsentKind,
    Entry,
    Invitation,
    Lease,
    LeaseId,
    Person,
    Registration,
    RegistrationId,
)
from ledger.book import Page
from ledger.ids import TenantId


class Leases(Protocol):
    """The leases, and the claims that grow in them."""

    def add(self, page: Page, lease: Lease, label: str) -> None: ...
    def change(self, page: Page, lease: Lease, *, after: Lease) -> None: ...
    async def find(self, lease: LeaseId) -> Lease: ...
    async def of(self, house: HouseId) -> Sequence[Lease]: ...
    async def left(self) -> Sequence[Lease]: ...
    async def label(self, lease: Lease) -> str: ...
    async def claim(self, page: Page, lease: Lease, person: Person) -> None: ...
    async def claimed(self, lease: Lease) -> Person: ...


class Invitations(Protocol):
    """The links by which tenants come in."""

    def put(self, page: Page, invitation: Invitation) -> None: ...
    async def find(self, token: bytes) -> Invitation: ...
    async def of(self, lease: LeaseId) -> Invitation | None: ...


class Consents(Protocol):
    """What each person agreed to, and the templates that hang on it."""

    def give(self, page: Page, consent: Consent) -> None: ...
    def withdraw(self, page: Page, tenant: TenantId, at: datetime) -> None: ...
    def notice(self, page: Page, tenant: TenantId, text: str, at: datetime) -> None: ...
    async def given(self, tenant: TenantId, kind: ConsentKind) -> Consent | None: ...
    async def keep(self, page: Page, tenant: TenantId, template: bytes) -> None: ...
    async def template(self, tenant: TenantId) -> bytes | None: ...
    def drop(self, page: Page, tenant: TenantId) -> None: ...


class Register(Protocol):
    """Who is registered as living where; the outbox of every registry."""

    async def append(self, page: Page, registration: Registration) -> None: ...
    async def after(self, sequence: int) -> Sequence[Entry]: ...
    async def find(
        self, registration: RegistrationId, version: int
    ) -> Registration: ...
    async def versions(self, tenant: TenantId) -> int: ...


class People(Protocol):
    """The keys under which people's data lie."""

    async def begin(self) -> TenantId: ...
    def erase(self, page: Page, tenant: TenantId) -> None: ...
    async def salt(self, tenant: TenantId) -> bytes: ...


class FaceEngine(Protocol):
    """Compares two pictures; raises FaceEngineDown, never anything else."""

    async def compare(self, live: bytes, document: bytes) -> Comparison: ...


class CardReader(Protocol):
    """Reads the chip of an ID card, one card a reading; raises CardFailed alone."""

    async def read(self, told: Callable[[CardStep], None]) -> CardText: ...


class Duties(Protocol):
    """Whether somebody still has to be told of one of a person's registrations."""

    async def open(self, tenant: TenantId, versions: int) -> bool: ...


class Wake(Protocol):
    """Told that the register has grown."""

    def __call__(self) -> None: ...
