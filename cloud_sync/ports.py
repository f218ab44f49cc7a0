"""What cloud_sync needs from outside."""

from collections.abc import Sequence
from typing import Protocol

from cloud_sync.model import Answer, Delivery, Dispatch
from enrolment.model.leases import RegistrationId
from ledger.book import Page
from ledger.ids import TenantId


class Deliveries(Protocol):
    """The notes on what each registry has been told."""

    def put(self, page: Page, delivery: Delivery) -> None: ...
    async def last(self, profile: str) -> int: ...
    async def unsettled(self, profile: str) -> Sequence[Delivery]: ...
    async def find(
        self, registration: RegistrationId, version: int, profile: str
    ) -> Delivery: ...
    async def of(self, tenant: TenantId) -> Sequence[Delivery]: ...


class Registry(Protocol):
    """A registry that takes reports; never raises, a time-out is UNKNOWN."""

    profile: str

    async def send(self, dispatch: Dispatch) -> Answer: ...
