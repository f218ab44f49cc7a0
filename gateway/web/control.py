"""What the CLI says to the running box, over the Unix socket that its owner opens."""

from dataclasses import asdict
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from cloud_sync.model import Settled, SyncError
from cloud_sync.service import Forwarding
from devices.service.firmware import Firmware
from enrolment.model.leases import RegistrationId
from gateway.web.control_firmware import add_firmware
from gateway.web.control_keys import Doors, add_doors
from gateway.web.control_lines import Lines, add_lines
from ledger.book import Book
from porch.accounts import Accounts, Role
from porch.control import control


class Paired(Protocol):
    """A station that the box joined."""

    url: str

    @property
    def fingerprint(self) -> str: ...


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

    async def pair(self, url: str, code: str) -> Any: ...


class Pair(BaseModel):
    """What `lodge pair` says."""

    url: str = Field(min_length=1, max_length=200, pattern=r"^https?://")
    code: str = Field(min_length=1, max_length=40)


class Retry(BaseModel):
    """What `lodge sync retry` says."""

    registration: str
    version: int


class Named(BaseModel):
    """What `lodge landlord` says."""

    name: str = Field(min_length=1, max_length=60)


def control_app(box: Box, book: Book, salt: bytes) -> FastAPI:
    """Return the application behind the socket."""
    app = control("Lodge control", book, salt)

    @app.post("/pair")
    async def pair(told: Pair) -> dict[str, str]:
        try:
            paired = await box.pair(told.url.rstrip("/"), told.code)
        except SyncError as error:
            raise HTTPException(409, str(error)) from error
        return {"station": paired.url, "fingerprint": paired.fingerprint}

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

    @app.post("/landlord")
    async def landlord(told: Named) -> dict[str, str]:
        code = await box.accounts.add(told.name, Role.LANDLORD)
        return {"name": told.name, "code": code}

    add_doors(app, box.doors)
    add_lines(app, box)
    add_firmware(app, box)
    return app
