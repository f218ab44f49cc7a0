"""What `lodge firmware` says to the running box."""

import base64
import binascii
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from devices.model.errors import ControllerSilent, DevicesError, ImageRefused
from devices.model.firmware import UNDER_WAY, ControllerId, Update
from devices.service.firmware import Firmware

# The largest image that a controller of ours has room for, as base64.
IMAGE_MAX = 12 * 1024 * 1024


class Controlled(Protocol):
    """A box that may have lock controllers."""

    @property
    def firmware(self) -> Firmware | None: ...


class Push(BaseModel):
    """Which image goes to which controller."""

    controller: str = Field(min_length=1, max_length=40)
    image: str = Field(min_length=4, max_length=IMAGE_MAX)


def add_firmware(app: FastAPI, box: Controlled) -> None:
    """Add what may be asked of the controllers."""

    @app.post("/firmware/push")
    async def push(told: Push) -> dict[str, Any]:
        firmware = _of(box)
        try:
            raw = base64.b64decode(told.image, validate=True)
            update = await firmware.push(ControllerId(told.controller), raw)
        except binascii.Error as error:
            raise HTTPException(422, "the image is not base64") from error
        except ImageRefused as error:
            raise HTTPException(409, f"refused: {error.why}") from error
        except ControllerSilent as error:
            raise HTTPException(409, str(error)) from error
        except DevicesError as error:
            raise HTTPException(404, str(error)) from error
        return _told(firmware, update)

    @app.get("/firmware/status")
    async def status() -> dict[str, Any]:
        if box.firmware is None:
            return {"updates": []}
        updates = await box.firmware.updates.every()
        return {"updates": [_told(box.firmware, each) for each in updates]}


def _of(box: Controlled) -> Firmware:
    if box.firmware is None:
        raise HTTPException(404, "this box has no lock controllers in its config")
    return box.firmware


def _told(firmware: Firmware, update: Update) -> dict[str, Any]:
    sent, size = firmware.sent.get(update.controller, (0, update.image.size))
    return {
        "controller": update.controller,
        "step": update.step.value,
        "under_way": update.step in UNDER_WAY,
        "version": str(update.image.version),
        "before": update.before,
        "hash": update.image.hash.hex(),
        "sent": sent,
        "size": size,
        "at": update.at.isoformat(),
    }
