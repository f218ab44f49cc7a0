"""Who and what takes part in the story, and how they are moved."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt

from enrolment.rules.assessment import QUESTIONS
from gateway.assessment import form
from gateway.demo.hardware import SimulatedLock
from gateway.demo.people import Browser, Listener, StoryBroken, found
from gateway.demo.pictures import Pictures, cache
from gateway.demo.programs import BrokerProgram, Program, ask
from gateway.wiring.faces import add_model, held_models

WITHIN = 60.0
LANDLORD = {"landlord": "房东甲", "phone": "13800000000"}
HOUSE = {
    "name": "Demo house",
    "address": "示范路1号",
    "area": "330522",
    "rooms": "101\n102",
}
# Synthetic numbers with right check digits (GB 11643); nobody has them.
# Which claim of a tenant his landlord looks at.
CLAIM = r'name="claim" value="(\d+)"'
FIRST = {"name": "租客甲", "kind": "RIC", "number": "330522199003150016"}
SECOND = {"name": "租客乙", "kind": "RIC", "number": "341221198511070026"}
THIRD = {"name": "租客丙", "kind": "RIC", "number": "52240120010228113X"}
WRONG = {**FIRST, "number": "330522199003150017"}


@dataclass(slots=True)
class Tenant:
    """A tenant of the story: his lease, his browser, his PIN once he has one."""

    lease: str
    browser: Browser
    pin: str = ""


@dataclass(slots=True)
class Scene:
    """Everything that takes part: programs, people, a lock; and how to move them."""

    folder: Path
    pictures: Pictures
    stack: AsyncExitStack
    box: Program = field(init=False)
    station: Program = field(init=False)
    broker: BrokerProgram = field(init=False)
    lock: SimulatedLock = field(init=False)
    landlord: Browser = field(init=False)
    officer: Browser = field(init=False)
    listener: Listener = field(default_factory=Listener)
    addresses: dict[str, str] = field(default_factory=dict)
    sign_in: dict[str, str] = field(default_factory=dict)
    house: str = ""
    first: Tenant = field(init=False)
    second: Tenant = field(init=False)
    lively: bool = False
    listening: asyncio.Task[None] | None = None
    locking: asyncio.Task[None] | None = None

    def equip(self, box: Path) -> None:
        """Have faces looked at in the demo: an assessment, and the networks."""
        answers = dict.fromkeys(QUESTIONS, "A demonstration with public portraits.")
        told = form(today(), answers)
        (box / "impact-assessment.toml").write_text(told, encoding="utf-8")
        for network in held_models(cache() / "models"):
            add_model(box / "models", Path(network.path))
            self.lively = self.lively or network.judges

    async def come_in(self, room: str, who: dict[str, str], start: date) -> Tenant:
        """Let a tenant in by the person path, up to his document."""
        page = await self.let(room, who["name"], start)
        lease = found(r'action="(/landlord/leases/\w+)/invite"', page)
        token, code = link_of(page)
        browser = await self.browser(self.addresses["box"])
        await browser.send("/t", {"token": token, "code": code})
        await browser.send("/tenant/notice", {"path": "person"})
        await browser.send("/tenant/identify", who)
        return Tenant(lease, browser)

    async def let(self, room: str, label: str, start: date | None = None) -> str:
        """Let a room; return the page with the link."""
        path = f"{self.house}/rooms/{(await self.rooms())[room]}/lease"
        first = start or today()
        told = {
            "label": label,
            "start": first.isoformat(),
            "end": (first + timedelta(days=180)).isoformat(),
        }
        return await self.landlord.send(path, told)

    async def rooms(self) -> dict[str, str]:
        """Return the rooms of the house: name to id."""
        page = await self.landlord.look(self.house)
        pattern = r"<strong>(\w+)</strong>\s*<div>.*?/rooms/(\w+)/lease"
        return dict(re.findall(pattern, page, re.DOTALL))

    async def confirm(self, tenant: Tenant, who: dict[str, str]) -> None:
        """Let the landlord confirm a tenant."""
        claim = found(CLAIM, await self.landlord.look(tenant.lease))
        told = {"last_four": who["number"][-4:], "seen": "true", "claim": claim}
        await self.landlord.send(f"{tenant.lease}/confirm", told)

    async def part(self, tenant: Tenant) -> None:
        """End a lease early: the landlord asks, and only the tenant's word ends it."""
        await self.landlord.send(f"{tenant.lease}/end", {}, refused=403)
        await self.landlord.send(f"{tenant.lease}/ask", {"kind": "end_lease"})
        page = await tenant.browser.look("/tenant/door")
        question = found(r'action="(/tenant/questions/\w+)"', page)
        await tenant.browser.send(question, {"said": "yes"})

    async def unlocks(self, pin: str, times: int) -> None:
        """Type a code that opens the door so many times."""
        before = self.lock.unlocks
        await self.lock.type_code(pin)
        await self.wait(
            lambda: self.lock.unlocks == before + times, "the door did not open"
        )

    async def stays_shut(self, pin: str) -> None:
        """Type a code that must not open the door."""
        before = self.lock.unlocks
        await self.lock.type_code(pin)
        await asyncio.sleep(0.5)
        if self.lock.unlocks != before:
            raise StoryBroken("the door opened to a code that opens nothing")

    async def accepted(self, count: int) -> dict[str, Any]:
        """Wait until so many reports are accepted, and no more."""
        try:
            async with asyncio.timeout(WITHIN):
                status = await self.status()
                while status["accepted"] < count:
                    await asyncio.sleep(0.2)
                    status = await self.status()
        except TimeoutError as error:
            raise StoryBroken("a report was not accepted in time") from error
        if status["accepted"] != count:
            raise StoryBroken("a report was accepted twice")
        return status

    async def status(self) -> dict[str, Any]:
        """Return what `lodge sync status` says."""
        return await ask("sync", "status", "--config", self.config)

    async def audit(self) -> None:
        """Walk the audit chain."""
        await ask("audit", "verify", "--config", self.config)

    async def board_shows(self, count: int) -> None:
        """Wait until the board shows so many people."""
        await self.officer.until("/", f'data-count="{count}"')

    async def wait(self, true: Callable[[], bool], else_: str) -> None:
        """Wait until something is so, or break the story."""
        deadline = time.monotonic() + WITHIN
        while not true():
            if time.monotonic() > deadline:
                raise StoryBroken(else_)
            await asyncio.sleep(0.1)

    @property
    def config(self) -> str:
        """The box's config file."""
        return str(self.folder / "box" / "lodge.toml")

    @property
    def station_config(self) -> str:
        """The station's config file."""
        return str(self.folder / "station" / "station.toml")

    async def start_box(self) -> None:
        """Start the box and wait until it is ready."""
        await self.box.start()
        self.stack.push_async_callback(self.box.stop)
        await self.box.answers(f"{self.addresses['box']}/healthz")

    async def start_station(self) -> None:
        """Start the station and wait until it is ready."""
        await self.station.start()
        self.stack.push_async_callback(self.station.stop)
        await self.station.answers(f"{self.addresses['station']}/healthz")

    async def start_lock(self) -> None:
        """Start the simulated lock and keypad."""
        five = self.broker.version == "5"
        version = aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311
        port, password = self.broker.port, self.broker.password
        self.lock = SimulatedLock("127.0.0.1", port, "lodge", password, version)
        self.locking = self.beside(self.lock.run())

    async def open_browsers(
        self, made: dict[str, str], made_station: dict[str, str]
    ) -> None:
        """Open landlord's and officer's browsers with their one-time codes."""
        self.landlord = await self.browser(made["address"])
        self.officer = await self.browser(made_station["address"])
        self.sign_in = {
            "landlord": await self.landlord.begin("landlord", made["code"]),
            "officer": await self.officer.begin("officer", made_station["code"]),
        }

    async def listen(self) -> None:
        """Have the officer's board open beside the story."""
        self.listening = self.beside(self.listener.listen(self.officer))
        await self.listener.ready.wait()

    async def browser(self, address: str) -> Browser:
        """Open a browser at an address."""
        return await self.stack.enter_async_context(Browser.open(address))

    def beside(self, doing: Any) -> asyncio.Task[None]:
        """Do something beside the story, until it ends."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(doing)

        async def ended() -> None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        self.stack.push_async_callback(ended)
        return task


def today() -> date:
    """Return the date where the house stands."""
    now = datetime.now(ZoneInfo("Asia/Shanghai"))  # noqa: TID251 - a person's calendar
    return now.date()


def link_of(page: str) -> tuple[str, str]:
    """Return the link's token and the code to say aloud, as the page shows them."""
    return found(r"/t#([\w-]+)", page), found(r'id="spoken-code">(\d{4})<', page)
