"""Keys that a landlord gives to people who do not live there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from devices.model.errors import UnknownDoor
from devices.model.keys import EKey, EKeyId, KeyKind, WeekDays
from devices.model.places import Door, HouseId
from devices.ports import Houses, Journal, KeyRing
from devices.rules.keys import over
from devices.service.cards import Cards
from devices.service.ekeys import EKeys, Order
from gateway.web.landlord import own
from ledger.clock import Clock
from ledger.errors import Erased
from porch.accounts import Role
from porch.guard import Moment, route, session_of
from porch.pages import Pages
from porch.problems import Problem

GIVEN = (KeyKind.VISIT, KeyKind.RECURRING, KeyKind.ONE_TIME)


class KeyForm(BaseModel):
    """A key as a landlord or a resident fills it in; hours only where it recurs."""

    kind: KeyKind
    label: str = Field(min_length=1, max_length=50)
    doors: list[str] = Field(min_length=1, max_length=50)
    start: Moment
    end: Moment
    days: list[int] = Field(default_factory=list, max_length=7)
    opens: time | None = None
    closes: time | None = None

    def order(self, zone: str) -> Order:
        """Return what is ordered, its times those of the house."""
        here = ZoneInfo(zone)
        window = (
            self.start.replace(tzinfo=self.start.tzinfo or here),
            self.end.replace(tzinfo=self.end.tzinfo or here),
        )
        return Order(self.kind, self.label.strip(), window, self._hours(), zone)

    def _hours(self) -> WeekDays | None:
        if self.kind is not KeyKind.RECURRING:
            return None
        days = frozenset(self.days)
        if not days <= set(range(7)) or not days or not self.opens or not self.closes:
            raise Problem(422, "hours", "Choose the days and the hours on them.")
        return WeekDays(days, self.opens, self.closes)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPages:
    """The landlord's keys for cleaners, viewings and other visits."""

    pages: Pages
    houses: Houses
    keys: KeyRing
    cards: Cards
    ekeys: EKeys
    journal: Journal
    clock: Clock

    @route("GET", "/landlord/houses/{house}/keys", Role.LANDLORD)
    async def all(self, request: Request, house: HouseId) -> Response:
        """List the keys that he gave, and ask for a new one."""
        found = await own(self.houses, request, house)
        doors = {door.id: door for door in await self.houses.doors(house)}
        here = self.clock.now().astimezone(ZoneInfo(found.time_zone))
        here = here.replace(second=0, microsecond=0, tzinfo=None)
        context = {
            "house": found,
            "doors": doors.values(),
            "kinds": GIVEN,
            "keys": await self._given(request, set(doors)),
            "start": here,
            "end": here + timedelta(hours=1),
            "days": range(7),
        }
        return self.pages.show(request, "keys.html", context)

    @route("POST", "/landlord/houses/{house}/keys", Role.LANDLORD)
    async def issue(
        self, request: Request, house: HouseId, told: Annotated[KeyForm, Form()]
    ) -> Response:
        """Issue a key; its PIN is shown to him who hands it on."""
        found = await own(self.houses, request, house)
        if told.kind not in GIVEN:
            raise Problem(422, "kind", "Choose one of the kinds of key shown.")
        doors = chosen(told.doors, await self.houses.doors(house))
        by = session_of(request).subject
        key = await self.ekeys.issue(told.order(found.time_zone), doors, by)
        return RedirectResponse(f"/landlord/keys/{key.id}", status_code=303)

    @route("GET", "/landlord/keys/{key}", Role.LANDLORD)
    async def key(self, request: Request, key: EKeyId) -> Response:
        """Show a key that he gave, its PIN, and its uses."""
        found = self._own(request, key)
        given = self.ekeys.given(found)
        doors = [await self.houses.door(door) for door in sorted(found.doors)]
        try:
            pin = await self.ekeys.pin(found) if given else ""
        except Erased:
            pin = ""
        context = {
            "key": found,
            "label": await self.keys.label(found),
            "doors": doors,
            "house": await self.houses.house(doors[0].house),
            "given": given,
            "pin": pin,
            "card": bool(self.ekeys.cards(found)),
            "keypad": any(door.keypad for door in doors),
            "waits": any(self.cards.awaits(door.id) for door in doors),
            "over": over(found, self.clock.now()),
            "events": await self.journal.of_keys([found.id]),
        }
        return self.pages.show(request, "key.html", context)

    @route("POST", "/landlord/keys/{key}/card", Role.LANDLORD)
    async def add_card(self, request: Request, key: EKeyId) -> Response:
        """Wait a minute for a card at a keypad of the key's doors."""
        found = self._own(request, key)
        for each in found.doors:
            door = await self.houses.door(each)
            if door.keypad:
                self.cards.wait_for(door, found)
        return _back(key)

    @route("POST", "/landlord/keys/{key}/freeze", Role.LANDLORD)
    async def freeze(self, request: Request, key: EKeyId) -> Response:
        """Stop a key for a while."""
        by = session_of(request).subject
        await self.ekeys.freeze(self._own(request, key), by)
        return _back(key)

    @route("POST", "/landlord/keys/{key}/thaw", Role.LANDLORD)
    async def thaw(self, request: Request, key: EKeyId) -> Response:
        """Let a frozen key work again."""
        await self.ekeys.thaw(self._own(request, key), session_of(request).subject)
        return _back(key)

    @route("POST", "/landlord/keys/{key}/end", Role.LANDLORD)
    async def end(self, request: Request, key: EKeyId) -> Response:
        """End a key for ever."""
        await self.ekeys.end(self._own(request, key), session_of(request).subject)
        return _back(key)

    async def _given(
        self, request: Request, doors: set[Any]
    ) -> list[tuple[EKey, str, bool]]:
        now = self.clock.now()
        found = [
            key
            for key in self.keys.issued_by(session_of(request).subject)
            if key.kind in GIVEN and key.doors & doors
        ]
        found.sort(key=lambda key: key.starts, reverse=True)
        return [(key, await self.keys.label(key), over(key, now)) for key in found]

    def _own(self, request: Request, key: EKeyId) -> EKey:
        found = self.keys.key(key)
        if found.issuer != session_of(request).subject or found.resident:
            raise UnknownDoor("there is no such key")
        return found


def chosen(wanted: list[str], doors: Sequence[Door]) -> list[Door]:
    """Return the doors that were chosen among those that may be."""
    found = [door for door in doors if door.id in set(wanted)]
    if len(found) != len(set(wanted)):
        raise UnknownDoor("there is no such door here")
    return found


def _back(key: EKeyId) -> Response:
    return RedirectResponse(f"/landlord/keys/{key}", status_code=303)
