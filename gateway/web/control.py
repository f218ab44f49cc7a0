"""What the CLI says to the running box, over the Unix socket that its owner opens."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from cloud_sync.model import Settled, SyncError
from cloud_sync.service import Forwarding
from cloud_sync.wire import NUMBER_MAX
from devices.service.firmware import Firmware
from enrolment.model.leases import RegistrationId
from gateway.web.control_firmware import add_firmware
from gateway.web.control_keys import Doors, add_doors
from gateway.web.control_lines import Lines, add_lines
from ledger.book import Book
from porch.accounts import Accounts, NoSuchAccount, Role
from porch.control import Named, control, keep_account


@dataclass(frozen=True, slots=True)
class Joined:
    """A station that admitted the box; where it is another one, it `waits`."""

    station: str
    fingerprint: str
    waits: bool


class Looking(Protocol):
    """The program that looks at faces."""

    @property
    def pid(self) -> int | None: ...

    @property
    def ready(self) -> Mapping[str, Any]: ...


class Box(Protocol):
    """What the control socket may do with the box."""

    @property
    def doors(self) -> Doors: ...

    @property
    def forwarding(self) -> Forwarding: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def lines(self) -> Lines | None: ...

    @property
    def firmware(self) -> Firmware | None: ...

    @property
    def faces(self) -> Looking: ...

    async def pair(self, url: str, code: str) -> Joined: ...


class Pair(BaseModel):
    """What `lodge pair` says."""

    url: str = Field(min_length=1, max_length=200, pattern=r"^https?://")
    code: str = Field(min_length=1, max_length=40)


class Retry(BaseModel):
    """What `lodge sync retry` says."""

    registration: str = Field(max_length=40)
    version: int = Field(ge=1, le=NUMBER_MAX)


class Give(BaseModel):
    """What `lodge lock give` says."""

    device: str = Field(min_length=1, max_length=100)
    landlord: str = Field(min_length=1, max_length=60)


def control_app(box: Box, book: Book, salt: bytes) -> FastAPI:
    """Return the application behind the socket."""
    app = control("Lodge control", book, salt)

    @app.post("/pair")
    async def pair(told: Pair) -> dict[str, Any]:
        try:
            paired = await box.pair(told.url.rstrip("/"), told.code)
        except SyncError as error:
            raise HTTPException(409, str(error)) from error
        return asdict(paired)

    @app.get("/faces")
    async def faces() -> dict[str, Any]:
        told = {name: box.faces.ready.get(name, "") for name in ("account", "why")}
        return {"pid": box.faces.pid, **told}

    @app.get("/locks/announced")
    async def announced() -> dict[str, Any]:
        """Say what was announced as a lock and is not used, and why."""
        announcing = box.doors.announcing
        hung = {door.lock for door in await box.doors.houses.every_door()}
        return {
            "unusable": [
                {**asdict(each), "fault": each.fault.value}
                for each in announcing.unusable.values()
            ],
            "rivals": [
                {"lock": lock, "place": each.place, "source": each.source}
                for lock in announcing.known
                for each in announcing.rivals(lock)
            ],
            "left": sorted(box.doors.locks.left & hung),
        }

    @app.post("/sync/retry")
    async def retry(told: Retry) -> dict[str, Any]:
        deliveries = box.forwarding.deliveries
        profile = box.forwarding.registry.profile
        try:
            found = await deliveries.find(
                RegistrationId(told.registration), told.version, profile
            )
            await box.forwarding.retry(found)
        except Settled as error:
            raise HTTPException(409, str(error)) from error
        except SyncError as error:
            raise HTTPException(404, str(error)) from error
        return {"ok": True, "sequence": asdict(found)["sequence"]}

    _add_landlords(app, box)
    add_doors(app, box.doors)
    add_lines(app, box)
    add_firmware(app, box)
    return app


def _add_landlords(app: FastAPI, box: Box) -> None:
    """Add what the operator says of landlords, and of what is whose."""

    @app.post("/landlord")
    async def landlord(told: Named) -> dict[str, Any]:
        return await keep_account(box.accounts, Role.LANDLORD, told)

    @app.post("/lock/give")
    async def give(told: Give) -> dict[str, str]:
        try:
            account = await box.accounts.named(told.landlord, Role.LANDLORD)
        except NoSuchAccount as error:
            raise HTTPException(404, str(error)) from error
        await box.doors.building.give(told.device, account)
        return {"device": told.device, "landlord": told.landlord}
