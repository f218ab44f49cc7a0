"""What `lodge key` and `lodge lock` say to the running box."""

from dataclasses import dataclass
from datetime import time
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from devices.model.errors import DevicesError, NotYours
from devices.model.keys import EKey, EKeyId, KeyKind, KeyState, WeekDays
from devices.model.locks import CommandState
from devices.model.places import Door, DoorId, House
from devices.ports import Houses, KeyRing
from devices.service.announcing import Announcing
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.ekeys import EKeys, Order
from devices.service.locks import Locks
from devices.service.replacing import Replacing
from devices.service.showing import Showing
from porch.guard import Moment

# Whether a door is known to have opened; where nobody knows, that is said.
OUTCOMES = {CommandState.CONFIRMED: True, CommandState.FAILED: False}


class Doors(Protocol):
    """What the socket may do with doors and keys."""

    @property
    def houses(self) -> Houses: ...
    @property
    def keys(self) -> KeyRing: ...
    @property
    def ekeys(self) -> EKeys: ...
    @property
    def asking(self) -> Asking: ...
    @property
    def showing(self) -> Showing: ...
    @property
    def building(self) -> Building: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def announcing(self) -> Announcing: ...
    @property
    def replacing(self) -> Replacing: ...


class IssueKey(BaseModel):
    """What `lodge key issue` says; times carry their offset."""

    label: str = Field(min_length=1, max_length=50)
    doors: list[str] = Field(min_length=1, max_length=50)
    kind: KeyKind
    start: Moment
    end: Moment
    days: list[int] = Field(default_factory=list)
    opens: time | None = None
    closes: time | None = None
    holder: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    def hours(self) -> WeekDays | None:
        """Return the hours, where all of them were told."""
        if self.kind is not KeyKind.RECURRING:
            return None
        if not self.days or self.opens is None or self.closes is None:
            raise HTTPException(422, "a recurring key needs days, opens and closes")
        return WeekDays(frozenset(self.days), self.opens, self.closes)


class OneKey(BaseModel):
    """Which key; for `token`, the phone's public key in hex."""

    key: EKeyId
    holder: str = Field(default="", pattern="^([0-9a-f]{64})?$")


class OneDoor(BaseModel):
    """Which door."""

    door: DoorId


class OtherLock(OneDoor):
    """Which lock goes in the place of a door's."""

    lock: str = Field(min_length=1, max_length=120)


@dataclass(frozen=True, slots=True)
class DoorControl:
    """Acts at doors for the house's landlord, with his rights and no more."""

    box: Doors

    async def issue(self, told: IssueKey) -> dict[str, Any]:
        """Issue a key; tell its PIN, and its token where a phone is to hold one."""
        places = [await self._place(DoorId(door)) for door in told.doors]
        house = places[0][1]
        if any(each.id != house.id for _, each in places):
            raise HTTPException(422, "a key opens doors of one house")
        order = Order(
            told.kind,
            told.label,
            (told.start, told.end),
            told.hours(),
            house.time_zone,
        )
        doors = [door for door, _ in places]
        key = await self.box.ekeys.issue(order, doors, house.landlord.account)
        state = {"key": key.id, "state": key.state.value}
        pin = await self.box.ekeys.pin(key)
        return {**state, "pin": pin, **await self._token(key, told.holder)}

    async def token(self, told: OneKey) -> dict[str, Any]:
        """Bind a visitor's key to a phone; who lives there binds his own."""
        key = self.box.keys.key(told.key)
        if key.resident or key.kind is KeyKind.GUEST:
            raise NotYours("only who lives there puts it on a phone, on his own page")
        return {"key": key.id, **await self._token(key, told.holder)}

    async def freeze(self, told: OneKey) -> dict[str, Any]:
        """Stop a key for a while."""
        key, by = await self._mine(told.key)
        await self.box.ekeys.freeze(key, by)
        return {"key": key.id, "state": KeyState.FROZEN.value}

    async def thaw(self, told: OneKey) -> dict[str, Any]:
        """Let a frozen key work again."""
        key, by = await self._mine(told.key)
        await self.box.ekeys.thaw(key, by)
        return {"key": key.id, "state": KeyState.ACTIVE.value}

    async def revoke(self, told: OneKey) -> dict[str, Any]:
        """End a key for ever."""
        key, by = await self._mine(told.key)
        await self.box.ekeys.end(key, by)
        return {"key": key.id, "state": KeyState.REVOKED.value}

    async def unlock(self, told: OneDoor) -> dict[str, Any]:
        """Open a door from afar; ask, where somebody lives behind it."""
        door, house = await self._place(told.door)
        verdict = await self.box.asking.open_for(door, house.landlord.account)
        if verdict.refusal:
            why = verdict.refusal.value
            return {"door": door.id, "opened": False, "state": None, "reason": why}
        state = await self.box.locks.outcome(door.lock)
        return {
            "door": door.id,
            "opened": OUTCOMES.get(state) if state else None,
            "state": state.value if state else None,
            "reason": None,
        }

    async def replace(self, told: OtherLock) -> dict[str, Any]:
        """Put another lock in the place of a door's; keys and PINs go on there."""
        door, _ = await self._place(told.door)
        hung = await self.box.replacing.replace(door, told.lock)
        return {"door": hung.id, "lock": hung.lock, "before": door.lock}

    async def _place(self, door: DoorId) -> tuple[Door, House]:
        found = await self.box.houses.door(door)
        return found, await self.box.houses.house(found.house)

    async def _mine(self, key: EKeyId) -> tuple[EKey, str]:
        found = self.box.keys.key(key)
        _, house = await self._place(min(found.doors))
        return found, house.landlord.account

    async def _token(self, key: EKey, holder: str) -> dict[str, str]:
        if not holder:
            return {}
        _, house = await self._place(min(key.doors))
        known = bytes.fromhex(holder)
        cut, root = await self.box.showing.bind(key, house.id, known)
        return {"token": cut.hex(), "root": root.hex()}


def add_doors(app: FastAPI, box: Doors) -> None:
    """Add what `lodge key` and `lodge lock` ask for."""
    control = DoorControl(box)
    app.add_exception_handler(DevicesError, _refused)
    app.post("/key/issue")(control.issue)
    app.post("/key/token")(control.token)
    app.post("/key/freeze")(control.freeze)
    app.post("/key/thaw")(control.thaw)
    app.post("/key/revoke")(control.revoke)
    app.post("/lock/unlock")(control.unlock)
    app.post("/lock/replace")(control.replace)


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, status_code=409)
