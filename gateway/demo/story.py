"""The story, step by step: from a landlord's key to the station's board."""

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt

from gateway.demo.hardware import SimulatedLock
from gateway.demo.people import Browser, Listener, StoryBroken, found
from gateway.demo.pictures import Pictures
from gateway.demo.programs import BrokerProgram, Program, ask, free_port, lodge
from gateway.settings import LodgeSettings
from gateway.wiring.readers import remains, sync_list

WITHIN = 20.0
LANDLORD = {"landlord": "房东甲", "phone": "13800000000"}
HOUSE = {
    "name": "Demo house",
    "address": "示范路1号",
    "area": "330522",
    "rooms": "101\n102",
}
# Synthetic numbers with right check digits (GB 11643); nobody has them.
FIRST = {"name": "租客甲", "kind": "RIC", "number": "330522199003150016"}
SECOND = {"name": "租客乙", "kind": "RIC", "number": "341221198511070026"}
THIRD = {"name": "租客丙", "kind": "RIC", "number": "52240120010228113X"}
WRONG = {**FIRST, "number": "330522199003150017"}
Step = Callable[[], Awaitable[Mapping[str, Any] | None]]


@dataclass(slots=True)
class Tenant:
    """A tenant of the story: his lease, his browser, his PIN once he has one."""

    lease: str
    browser: Browser
    pin: str = ""


@dataclass(slots=True)
class Story:
    """Everything that takes part, and how far it has come."""

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
    listening: asyncio.Task[None] | None = None
    locking: asyncio.Task[None] | None = None

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps by name, in order."""
        return {
            "init": self.begin,
            "house": self.register_house,
            "lease": self.make_lease,
            "notice": self.read_notice,
            "identify": self.identify,
            "register": self.register,
            "forward": self.forward,
            "board": self.board,
            "door": self.door,
            "outage": self.outage,
            "leave": self.leave,
        }

    async def begin(self) -> Mapping[str, Any]:
        """Lay box and station, start all programs, join them by a one-time code."""
        box, station = self.folder / "box", self.folder / "station"
        ports = [str(free_port()), str(free_port())]
        made, made_station = await asyncio.gather(
            ask("init", str(box), "--plain", "--port", ports[0]),
            ask("station", "init", str(station), "--plain", "--port", ports[1]),
        )
        self.addresses = {"box": made["address"], "station": made_station["address"]}
        self.broker = BrokerProgram(self.folder / "broker", free_port())
        await self.broker.start()
        self.stack.push_async_callback(self.broker.stop)
        settings = {
            **self.broker.environment(box),
            "LODGE_RETENTION__AFTER_DEPARTURE": "PT0S",
        }
        self.box = Program(
            lodge("run", "--config", made["config"]), self.folder / "box.log", settings
        )
        self.station = Program(
            lodge("station", "run", "--config", made_station["config"]),
            self.folder / "station.log",
        )
        await self._start_lock()
        await asyncio.gather(self._start_box(), self._start_station())
        await self._open_browsers(made, made_station)
        code = await ask(
            "station", "admit", "--label", "Demo", "--config", made_station["config"]
        )
        paired = await ask(
            "pair",
            made_station["address"],
            code["code"],
            "--config",
            made["config"],
            environment=settings,
        )
        if paired["fingerprint"] != code["fingerprint"]:
            raise StoryBroken("box and station read different fingerprints")
        return {"broker": self.broker.version, "fingerprint": paired["fingerprint"]}

    async def register_house(self) -> None:
        """Register a house with two rooms and hang the lock that was discovered."""
        page = await self.landlord.send("/landlord/houses/new", {**LANDLORD, **HOUSE})
        self.house = found(r'action="(/landlord/houses/\w+)/doors"', page)
        lock = await self.landlord.until(self.house, r'<option value="(0x\w+)">')
        told = {"name": "Front door", "lock": lock, "keypad": "front_keypad"}
        await self.landlord.send(f"{self.house}/doors", told)
        rooms = set(await self._rooms())
        if rooms != {"101", "102"}:
            raise StoryBroken("the house does not show its two rooms")

    async def make_lease(self) -> None:
        """Make a lease; the link binds to one phone by the code said aloud."""
        page = await self._let("101", FIRST["name"])
        lease = found(r'action="(/landlord/leases/\w+)/invite"', page)
        browser = await self._browser(self.addresses["box"])
        old, _ = _link(page)
        await browser.look("/t")
        if "/confirm" in await self.landlord.look(lease):
            raise StoryBroken("opening a link changed something")
        page = await self.landlord.send(f"{lease}/invite", {})
        token, code = _link(page)
        wrong = f"{(int(code) + 1) % 10_000:04}"
        await browser.send("/t", {"token": old, "code": code}, refused=410)
        await browser.send("/t", {"token": token, "code": wrong}, refused=403)
        await browser.send("/t", {"token": token, "code": code})
        stranger = await self._browser(self.addresses["box"])
        await stranger.send("/t", {"token": token, "code": code}, refused=410)
        self.first = Tenant(lease, browser)

    async def read_notice(self) -> None:
        """Read the notice and consent to the face scan, on its own."""
        found("three working days", await self.first.browser.look("/tenant"))
        await self.first.browser.send("/tenant/notice", {"path": "scan"})

    async def identify(self) -> Mapping[str, Any]:
        """Enter the number, upload pictures; somebody else's picture is refused."""
        browser, shown = self.first.browser, self.pictures
        await browser.send("/tenant/identify", WRONG, refused=422)
        await browser.send("/tenant/identify", FIRST)
        other = {"live": shown.other, "document": shown.document}
        await browser.send("/tenant/faces", {}, other, refused=422)
        pictures = {"live": shown.live, "document": shown.document}
        page = await browser.send("/tenant/faces", {}, pictures)
        return {"live": found(r"live: (not_tested)", page)}

    async def register(self) -> None:
        """Let the landlord compare the original in his hand, and confirm."""
        wrong = {"last_four": "9999", "seen": "true"}
        confirm = f"{self.first.lease}/confirm"
        await self.landlord.send(confirm, wrong, refused=422)
        await self.confirm(self.first, FIRST)
        found("You are registered", await self.first.browser.look("/tenant"))
        await self._audit()

    async def forward(self) -> Mapping[str, Any]:
        """Wait for the signed receipt."""
        status = await self.accepted(1)
        return {"accepted": status["accepted"]}

    async def board(self) -> Mapping[str, Any]:
        """See the newcomer on the board, and how soon its stream told of him."""
        at, event = await self.listener.next("arrival")
        committed = datetime.fromisoformat(event["recorded_at"])
        page = await self.officer.look("/")
        found(FIRST["name"], page)
        seconds = (at - committed).total_seconds()
        return {"milliseconds": round(seconds * 1000, 1)}

    async def door(self) -> None:
        """Open by the lock's own slot and by the keypad; refuse what must be."""
        await self.first.browser.until("/tenant", r'data-pin="confirmed"')
        page = await self.first.browser.look("/tenant")
        self.first.pin = found(r'id="pin">(\d{6})<', page)
        slots = {pin: slot for slot, pin in self.lock.pins.items()}
        await self.lock.open_by_slot(slots[self.first.pin])
        await self.first.browser.until("/tenant", "data-event=.opening/keypad")
        await self.lock.relock()
        await self._unlocks(self.first.pin, 1)
        await self.first.browser.until("/tenant", "data-event=.unlock/granted")
        await self.landlord.until(self.house, "unlocked|bolt/unlocked")
        await self.lock.relock()
        wrong = f"{(int(self.first.pin) + 1) % 10**6:06}"
        await self._stays_shut(wrong)
        await self._early_and_revoked()

    async def outage(self) -> Mapping[str, Any]:
        """Register a second tenant while the station is away; kill the box; recover."""
        before = (await self._status())["accepted"]
        await self.station.stop()
        if self.listening is not None:
            self.listening.cancel()
        self.second = await self.come_in("102", SECOND, today())
        await self.confirm(self.second, SECOND)
        if self.second.browser.sent > self.first.browser.sent:
            raise StoryBroken("refusing the face scan cost more steps")
        await self.box.stop(signal.SIGKILL)
        await asyncio.gather(self._start_box(), self._start_station())
        await self.accepted(before + 1)
        await self._board_shows(2)
        await self._audit()
        return {"steps": [self.first.browser.sent, self.second.browser.sent]}

    async def leave(self) -> Mapping[str, Any]:
        """End the leases: PINs cleared, departures reported, people erased."""
        before = (await self._status())["accepted"]
        for tenant in (self.first, self.second):
            await self.landlord.send(f"{tenant.lease}/end", {})
        await self.wait(lambda: not self.lock.pins, "the lock still holds a PIN")
        await self.accepted(before + 2)
        await self._board_shows(0)
        settings = LodgeSettings.load(self.folder / "box" / "lodge.toml")
        left = {"templates": 0, "tenant_keys": 0, "credentials": 0}
        await self.wait(lambda: remains(settings) == left, "somebody was not erased")
        await self._audit()
        return left

    async def last_words(self) -> dict[str, Any]:
        """Return what the demo's last line says besides ok and seconds."""
        settings = LodgeSettings.load(self.folder / "box" / "lodge.toml")
        first = sync_list(settings)[0]
        return {
            "door": "opened" if self.lock.unlocks else "shut",
            "registration": {
                "state": first.state.value,
                "receipt": first.receipt.decode(),
            },
            "station": {"occupants": 1},
        }

    async def stay(self) -> None:
        """Let a third tenant in as far as his link, and stay up until interrupted."""
        page = await self._let("101", THIRD["name"])
        token, code = _link(page)
        print(f"tenant: {self.addresses['box']}/t#{token}  code {code}")  # noqa: T201
        for name, password in self.sign_in.items():
            print(f"{name}: password {password}")  # noqa: T201
        await asyncio.Event().wait()

    async def _early_and_revoked(self) -> None:
        tomorrow = today() + timedelta(days=1)
        third = await self.come_in("102", THIRD, tomorrow)
        await self.confirm(third, THIRD)
        page = await third.browser.look("/tenant")
        third.pin = found(r'id="pin">(\d{6})<', page)
        await self._stays_shut(third.pin)
        await third.browser.until("/tenant", "data-event=.unlock/not_yet")
        await self.landlord.send(f"{third.lease}/end", {})
        await self._stays_shut(third.pin)

    async def come_in(self, room: str, who: dict[str, str], start: date) -> Tenant:
        """Let a tenant in by the person path, up to his document."""
        page = await self._let(room, who["name"], start)
        lease = found(r'action="(/landlord/leases/\w+)/invite"', page)
        token, code = _link(page)
        browser = await self._browser(self.addresses["box"])
        await browser.send("/t", {"token": token, "code": code})
        await browser.send("/tenant/notice", {"path": "person"})
        await browser.send("/tenant/identify", who)
        return Tenant(lease, browser)

    async def _let(self, room: str, label: str, start: date | None = None) -> str:
        path = f"{self.house}/rooms/{(await self._rooms())[room]}/lease"
        door = found(r'<option value="(\w{26})">', await self.landlord.look(path))
        first = start or today()
        told = {
            "label": label,
            "door": door,
            "start": first.isoformat(),
            "end": (first + timedelta(days=180)).isoformat(),
        }
        return await self.landlord.send(path, told)

    async def _rooms(self) -> dict[str, str]:
        page = await self.landlord.look(self.house)
        pattern = r"<strong>(\w+)</strong>\s*<div>.*?/rooms/(\w+)/lease"
        return dict(re.findall(pattern, page, re.DOTALL))

    async def confirm(self, tenant: Tenant, who: dict[str, str]) -> None:
        """Let the landlord confirm a tenant."""
        told = {"last_four": who["number"][-4:], "seen": "true"}
        await self.landlord.send(f"{tenant.lease}/confirm", told)

    async def _unlocks(self, pin: str, times: int) -> None:
        before = self.lock.unlocks
        await self.lock.type_code(pin)
        await self.wait(
            lambda: self.lock.unlocks == before + times, "the door did not open"
        )

    async def _stays_shut(self, pin: str) -> None:
        before = self.lock.unlocks
        await self.lock.type_code(pin)
        await asyncio.sleep(0.5)
        if self.lock.unlocks != before:
            raise StoryBroken("the door opened to a code that opens nothing")

    async def accepted(self, count: int) -> dict[str, Any]:
        """Wait until so many reports are accepted, and no more."""
        try:
            async with asyncio.timeout(WITHIN):
                status = await self._status()
                while status["accepted"] < count:
                    await asyncio.sleep(0.2)
                    status = await self._status()
        except TimeoutError as error:
            raise StoryBroken("a report was not accepted in time") from error
        if status["accepted"] != count:
            raise StoryBroken("a report was accepted twice")
        return status

    async def _status(self) -> dict[str, Any]:
        return await ask("sync", "status", "--config", self._config)

    async def _audit(self) -> None:
        await ask("audit", "verify", "--config", self._config)

    async def _board_shows(self, count: int) -> None:
        await self.officer.until("/", f'data-count="{count}"')

    async def wait(self, true: Callable[[], bool], else_: str) -> None:
        """Wait until something is so, or break the story."""
        deadline = time.monotonic() + WITHIN
        while not true():
            if time.monotonic() > deadline:
                raise StoryBroken(else_)
            await asyncio.sleep(0.1)

    @property
    def _config(self) -> str:
        return str(self.folder / "box" / "lodge.toml")

    async def _start_box(self) -> None:
        await self.box.start()
        self.stack.push_async_callback(self.box.stop)
        await self.box.answers(f"{self.addresses['box']}/healthz")

    async def _start_station(self) -> None:
        await self.station.start()
        self.stack.push_async_callback(self.station.stop)
        await self.station.answers(f"{self.addresses['station']}/healthz")

    async def _start_lock(self) -> None:
        five = self.broker.version == "5"
        version = aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311
        port, password = self.broker.port, self.broker.password
        self.lock = SimulatedLock("127.0.0.1", port, "lodge", password, version)
        self.locking = self._beside(self.lock.run())

    async def _open_browsers(
        self, made: dict[str, str], made_station: dict[str, str]
    ) -> None:
        self.landlord = await self._browser(made["address"])
        self.officer = await self._browser(made_station["address"])
        self.sign_in = {
            "landlord": await self.landlord.begin("landlord", made["code"]),
            "officer": await self.officer.begin("officer", made_station["code"]),
        }
        self.listening = self._beside(self.listener.listen(self.officer))
        await self.listener.ready.wait()

    async def _browser(self, address: str) -> Browser:
        return await self.stack.enter_async_context(Browser.open(address))

    def _beside(self, doing: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(doing)
        self.stack.callback(task.cancel)
        return task


def today() -> date:
    """Return the date where the house stands."""
    now = datetime.now(ZoneInfo("Asia/Shanghai"))  # noqa: TID251 - a person's calendar
    return now.date()


def _link(page: str) -> tuple[str, str]:
    return found(r"/t#([\w-]+)", page), found(r'id="spoken-code">(\d{4})<', page)
