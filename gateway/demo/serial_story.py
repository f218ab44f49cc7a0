"""The story with wires: an OSDP reader in the lock's place, and an ID-card reader."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo.card_reader import SimulatedCardReader, resident
from gateway.demo.people import found
from gateway.demo.reader import A_CARD, SimulatedReader, virtual_line
from gateway.demo.scene import FIRST, HOUSE, LANDLORD, WRONG
from gateway.demo.story import Story

LINES = """
[[lines]]
name = "hall"
port = "{line}"

[[lines.readers]]
address = 0
strike_time = "PT1S"

[id_card]
port = "{cards}"
"""
READER = "osdp:hall:0"


@dataclass(slots=True)
class WiredDoor:
    """A reader with keypad and strike, spoken to as the story speaks to a lock."""

    reader: SimulatedReader
    pins: dict[int, str] = field(default_factory=dict)

    @property
    def unlocks(self) -> int:
        """How often its strike opened."""
        return self.reader.strikes

    async def type_code(self, code: str) -> None:
        """Type a code at its keypad."""
        self.reader.press(code)


@dataclass(slots=True)
class SerialStory(Story):
    """The same story; nothing of it goes through a radio."""

    lock: WiredDoor = field(init=False)  # type: ignore[assignment] # in its place
    cards: SimulatedCardReader = field(init=False)

    async def start_lock(self) -> None:
        """Lay two lines without wires, and put them into the box's config."""
        end, line = virtual_line()
        reader = SimulatedReader(end)
        self.lock = WiredDoor(reader)
        text = resident(FIRST["name"], FIRST["number"])
        self.cards = SimulatedCardReader(text, there=False)
        for doing in (reader.run(), self.cards.run()):
            self.locking = self.beside(doing)
        more = LINES.format(line=line, cards=self.cards.path)
        await asyncio.to_thread(append, Path(self.config), more)

    async def register_house(self) -> None:
        """Register a house and hang the reader beside its door."""
        page = await self.landlord.send("/landlord/houses/new", {**LANDLORD, **HOUSE})
        self.house = found(r'action="(/landlord/houses/\w+)/doors"', page)
        told = {"name": "Front door", "lock": READER, "room": "shared"}
        told["keypad"] = "hall-0"
        await self.landlord.until(self.house, f'<option value="{READER}">')
        await self.landlord.send(f"{self.house}/doors", told)

    async def identify(self) -> Mapping[str, Any]:
        """Put the card on the reader; somebody else's picture is refused."""
        browser, shown = self.first.browser, self.pictures
        await browser.send("/tenant/identify", WRONG, refused=422)
        await browser.send("/tenant/card", {})
        await browser.until("/tenant/card", 'data-step="put_on"')
        self.cards.there = True
        await browser.until("/tenant/card", "/tenant/card/take")
        await browser.send("/tenant/card/take", {})
        other = {"live": shown.other, "document": shown.document}
        await browser.send("/tenant/faces", {}, other, refused=422)
        pictures = {"live": shown.live, "document": shown.document}
        page = await browser.send("/tenant/faces", {}, pictures)
        return {"live": found(r'data-live="(not_tested)"', page)}

    async def door(self) -> None:
        """Open by PIN and by card at the reader; refuse what must be."""
        tenant = self.first.browser
        page = await tenant.look("/tenant")
        self.first.pin = found(r'id="pin">(\d{6})<', page)
        await self.unlocks(self.first.pin, 1)
        await tenant.until("/tenant", "data-event=.unlock/granted")
        page = await tenant.look("/tenant/door")
        await tenant.send(found(r'action="(/tenant/doors/\w+/card)"', page), {})
        self.lock.reader.hold_card(A_CARD)
        await tenant.until("/tenant/door", "/tenant/cards/lost")
        await self._opens_by_card()
        wrong = f"{(int(self.first.pin) + 1) % 10**6:06}"
        await self.stays_shut(wrong)
        await self._early_and_revoked()

    async def _opens_by_card(self) -> None:
        before = self.lock.unlocks
        self.lock.reader.hold_card(A_CARD)
        await self.wait(
            lambda: self.lock.unlocks > before, "the card did not open the door"
        )


def append(config: Path, more: str) -> None:
    """Write more settings at a config's end."""
    told = config.read_text(encoding="utf-8")
    config.write_text(told + more, encoding="utf-8")
