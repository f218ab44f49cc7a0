"""The story, step by step: from a landlord's key to the station's board."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.demo.people import StoryBroken, found
from gateway.demo.programs import BrokerProgram, Program, ask, free_port, lodge
from gateway.demo.scene import (
    CLAIM,
    FIRST,
    HOUSE,
    LANDLORD,
    SECOND,
    THIRD,
    WRONG,
    Scene,
    Tenant,
    link_of,
    today,
)
from gateway.settings import LodgeSettings
from gateway.wiring.readers import remains, sync_list

Step = Callable[[], Awaitable[Mapping[str, Any] | None]]


@dataclass(slots=True)
class Story(Scene):
    """The scene, played through."""

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
        self.equip(box)
        self.addresses = {"box": made["address"], "station": made_station["address"]}
        await self.start()
        await self.open_browsers(made, made_station)
        await self.listen()
        return await self.join()

    async def start(self) -> None:
        """Start the programs of a box and a station that were laid."""
        self.broker = BrokerProgram(self.folder / "broker", free_port())
        await self.broker.start()
        self.stack.push_async_callback(self.broker.stop)
        settings = {
            **self.broker.environment(self.folder / "box"),
            "LODGE_RETENTION__AFTER_DEPARTURE": "PT0S",
        }
        self.box = Program(
            lodge("run", "--config", self.config), self.folder / "box.log", settings
        )
        self.station = Program(
            lodge("station", "run", "--config", self.station_config),
            self.folder / "station.log",
        )
        await self.start_lock()
        await asyncio.gather(self.start_box(), self.start_station())

    async def join(self) -> Mapping[str, Any]:
        """Join box and station, both running, by a one-time code."""
        code = await ask(
            "station", "admit", "--label", "Demo", "--config", self.station_config
        )
        paired = await ask(
            "pair",
            self.addresses["station"],
            code["code"],
            "--config",
            self.config,
            environment=self.box.environment,
        )
        if paired["fingerprint"] != code["fingerprint"]:
            raise StoryBroken("box and station read different fingerprints")
        return {"broker": self.broker.version, "fingerprint": paired["fingerprint"]}

    async def register_house(self) -> None:
        """Register a house with two rooms and hang the lock that was discovered."""
        page = await self.landlord.send("/landlord/houses/new", {**LANDLORD, **HOUSE})
        self.house = found(r'action="(/landlord/houses/\w+)/doors"', page)
        lock = await self.landlord.until(self.house, r'<option value="(0x\w+)">')
        told = {"name": "Front door", "lock": lock, "room": "shared"}
        told["keypad"] = "front_keypad"
        await self.landlord.send(f"{self.house}/doors", told)
        rooms = set(await self.rooms())
        if rooms != {"101", "102"}:
            raise StoryBroken("the house does not show its two rooms")

    async def make_lease(self) -> None:
        """Make a lease; the link binds to one phone by the code said aloud."""
        page = await self.let("101", FIRST["name"])
        lease = found(r'action="(/landlord/leases/\w+)/invite"', page)
        browser = await self.browser(self.addresses["box"])
        old, _ = link_of(page)
        await browser.look("/t")
        if "/confirm" in await self.landlord.look(lease):
            raise StoryBroken("opening a link changed something")
        page = await self.landlord.send(f"{lease}/invite", {})
        token, code = link_of(page)
        wrong = f"{(int(code) + 1) % 10_000:04}"
        await browser.send("/t", {"token": old, "code": code}, refused=410)
        await browser.send("/t", {"token": token, "code": wrong}, refused=403)
        await browser.send("/t", {"token": token, "code": code})
        stranger = await self.browser(self.addresses["box"])
        await stranger.send("/t", {"token": token, "code": code}, refused=410)
        self.first = Tenant(lease, browser)

    async def read_notice(self) -> None:
        """Read the notice and consent to the face scan, on its own.

        Without a network that judges liveness no face is looked at: a person is.
        """
        found("three working days", await self.first.browser.look("/tenant"))
        path = "scan" if self.lively else "person"
        await self.first.browser.send("/tenant/notice", {"path": path})

    async def identify(self) -> Mapping[str, Any]:
        """Enter the number, upload pictures; somebody else's picture is refused."""
        browser, shown = self.first.browser, self.pictures
        await browser.send("/tenant/identify", WRONG, refused=422)
        await browser.send("/tenant/identify", FIRST)
        if not self.lively:
            return {"live": "not_tested", "missing": "no network judges liveness"}
        other = {"live": shown.other, "document": shown.document}
        await browser.send("/tenant/faces", {}, other, refused=422)
        pictures = {"live": shown.live, "document": shown.document}
        page = await browser.send("/tenant/faces", {}, pictures)
        return {"live": found(r'data-live="(not_tested)"', page)}

    async def register(self) -> None:
        """Let the landlord compare the original in his hand, and confirm."""
        claim = found(CLAIM, await self.landlord.look(self.first.lease))
        wrong = {"last_four": "9999", "seen": "true", "claim": claim}
        confirm = f"{self.first.lease}/confirm"
        await self.landlord.send(confirm, wrong, refused=422)
        await self.confirm(self.first, FIRST)
        found("You are registered", await self.first.browser.look("/tenant"))
        await self.audit()

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
        await self.unlocks(self.first.pin, 1)
        await self.first.browser.until("/tenant", "data-event=.unlock/granted")
        await self.landlord.until(self.house, "unlocked|bolt/unlocked")
        await self.lock.relock()
        wrong = f"{(int(self.first.pin) + 1) % 10**6:06}"
        await self.stays_shut(wrong)
        await self._early_and_revoked()

    async def outage(self) -> Mapping[str, Any]:
        """Register a second tenant while the station is away; kill the box; recover."""
        before = (await self.status())["accepted"]
        await self.station.stop()
        if self.listening is not None:
            self.listening.cancel()
        self.second = await self.come_in("102", SECOND, today())
        await self.confirm(self.second, SECOND)
        if self.second.browser.sent > self.first.browser.sent:
            raise StoryBroken("refusing the face scan cost more steps")
        await self.box.stop(signal.SIGKILL)
        await asyncio.gather(self.start_box(), self.start_station())
        await self.accepted(before + 1)
        await self.board_shows(2)
        await self.audit()
        return {"steps": [self.first.browser.sent, self.second.browser.sent]}

    async def leave(self) -> Mapping[str, Any]:
        """End the leases by both sides' word: PINs cleared, everybody erased."""
        before = (await self.status())["accepted"]
        for tenant in (self.first, self.second):
            await self.part(tenant)
        await self.wait(lambda: not self.lock.pins, "the lock still holds a PIN")
        await self.accepted(before + 2)
        await self.board_shows(0)
        settings = LodgeSettings.load(self.folder / "box" / "lodge.toml")
        left = {"templates": 0, "tenant_keys": 0, "credentials": 0}
        await self.wait(lambda: remains(settings) == left, "somebody was not erased")
        await self.audit()
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
        page = await self.let("101", THIRD["name"])
        token, code = link_of(page)
        print(f"tenant: {self.addresses['box']}/t#{token}  code {code}")  # noqa: T201
        for name, password in self.sign_in.items():
            key = self.officer.secret if name == "officer" else ""
            more = f", authenticator key {key}" if key else ""
            print(f"{name}: password {password}{more}")  # noqa: T201
        await asyncio.Event().wait()

    async def _early_and_revoked(self) -> None:
        later = today() + timedelta(days=2)  # tomorrow may come meanwhile
        third = await self.come_in("102", THIRD, later)
        await self.confirm(third, THIRD)
        page = await third.browser.look("/tenant")
        third.pin = found(r'id="pin">(\d{6})<', page)
        await self.stays_shut(third.pin)
        await third.browser.until("/tenant", "data-event=.unlock/not_yet")
        await third.browser.send("/tenant/leave", {"sure": "true"})
        await self.stays_shut(third.pin)
