"""Locks and keypads behind zigbee2mqtt."""

import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devices.model.errors import LockSilent
from devices.model.locks import OPEN, Bolt, Lock, Opening
from devices.model.places import Door, LockId
from devices.ports import Houses
from devices.service.access import Access
from devices.service.credentials import Credentials, SlotWord
from devices.service.locks import UNDER_WAY, Locks
from devices.service.watching import Watching
from firmware_bridge.drivers.presses import Presses
from firmware_bridge.links.broker import BrokerLink, Incoming
from firmware_bridge.mqtt import zigbee2mqtt as wire
from firmware_bridge.mqtt.messages import (
    Availability,
    Bridge,
    Contact,
    Device,
    Devices,
    Event,
    LastUser,
    Opened,
    Pressed,
    Programmed,
    Role,
    Sensed,
    State,
    Stored,
    Told,
    Unreadable,
    WrongCode,
)
from ledger.clock import Clock

# So many digits has an instant of our days in milliseconds.
MILLISECONDS = 13
KEYPAD, RADIO, UNTOLD = "keypad", {"rf", "zigbee"}, "unknown"
# How long a lock may take to say who opened, after it said that it did.
SAYS_MORE = timedelta(seconds=2)
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Zigbee2mqttDriver:
    """Fulfils LockDriver: says what Lodge wants, over the broker."""

    base: str
    link: BrokerLink | None = None
    left: set[LockId] = field(default_factory=set)

    def release(self, lock: Lock) -> Awaitable[None]:
        return self._tell(lock, wire.release(self.base, lock.name))

    def write_pin(self, lock: Lock, slot: int, pin: str) -> Awaitable[None]:
        return self._tell(lock, wire.write_pin(self.base, lock.name, slot, pin))

    def clear_pin(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._tell(lock, wire.clear_pin(self.base, lock.name, slot))

    def ask_slot(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._tell(lock, wire.ask_slot(self.base, lock.name, slot))

    def ask_state(self, lock: Lock) -> Awaitable[None]:
        return self._tell(lock, wire.ask_state(self.base, lock.name))

    def _tell(self, lock: Lock, told: Told) -> Awaitable[None]:
        if lock.id in self.left:  # its name may be another's by now
            raise LockSilent("this lock is no longer on its bridge's list")
        # A secret goes at QoS 0: a broker keeps no copy for whoever is not there.
        assert self.link is not None  # noqa: S101 - wiring sets it before anything runs
        return self.link.publish(told.topic, told.payload, qos=0 if told.secret else 1)


@dataclass(slots=True)
class Zigbee2mqttFeed:
    """Takes what zigbee2mqtt publishes to where it belongs."""

    base: str
    locks: Locks
    access: Access
    presses: Presses
    credentials: Credentials
    watching: Watching
    houses: Houses
    clock: Clock
    doors: tuple[Door, ...] = ()
    sensors: dict[str, str] = field(default_factory=dict)
    _sensing: dict[str, Door] = field(default_factory=dict)
    _by_lock: dict[LockId, Door] = field(default_factory=dict)
    _up: bool = True
    _listed: bool = False
    _reached: dict[LockId, bool] = field(default_factory=dict)
    _names: dict[str, LockId] = field(default_factory=dict)
    _last_heard: dict[str, str | int] = field(default_factory=dict)
    _shut: set[LockId] = field(default_factory=set)
    _booked: dict[LockId, datetime] = field(default_factory=dict)
    _waiting: dict[LockId, tuple[int | None, str, datetime]] = field(
        default_factory=dict
    )
    _last_users: dict[str, LastUser] = field(default_factory=dict)
    _stored: dict[tuple[str, bool], str] = field(default_factory=dict)

    async def refresh(self) -> None:
        """Read again which lock, keypad and sensor hang on which door."""
        before = {door.keypad for door in self.doors}
        self.doors = tuple(await self.houses.every_door())
        await self.presses.seed({door.keypad for door in self.doors} - before)
        self._by_lock = {door.lock: door for door in self.doors}
        told = await self.houses.sensors()
        by_id = {door.id: door for door in self.doors}
        self._sensing = {address: by_id[door] for address, door in told.items()}
        if not self._listed:  # until the bridge's list comes
            self._name(each for each in self.locks.seen.values() if _ours(each.id))

    def _name(self, locks: Iterable[Lock]) -> None:
        """Take the bridge's names; one that another lock has first stays that one's."""
        self._names = {}
        for lock in locks:
            self._names.setdefault(lock.name, lock.id)

    def named(self, name: str) -> Lock | None:
        """Return the lock that goes by this name on the bridge's latest list."""
        lock = self._names.get(name)
        return None if lock is None else self.locks.seen[lock]

    def takes(self, topic: str) -> bool:
        """Say whether a message is zigbee2mqtt's."""
        return topic.startswith(f"{self.base}/")

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; await the answer to know it kept, None where nothing is.

        Whoever speaks elsewhere than under the bridge's base is no device of its.
        """
        if not self.takes(incoming.topic):
            return None
        later: list[Event] = []
        state: State | None = None
        same: LastUser | Stored | None = None
        fresh = not incoming.retained
        for event in wire.read(
            self.base, incoming.topic, incoming.payload, retained=incoming.retained
        ):
            match event:
                case State():
                    fresh = self._spoke(event, incoming.payload) and fresh
                    if not event.slots:
                        state = event
                        continue
                    later.append(event)
                case Sensed() | Contact():
                    self._sense(event)
                case LastUser() | Stored() if not self._news(event):
                    same = event
                case _:
                    later.append(event)
        kept = None if state is None else self._state(state, fresh=fresh)
        if isinstance(same, LastUser):
            self._perhaps(same)
        return self._all(later, kept, fresh=fresh) if later else kept

    def _spoke(self, state: State, payload: bytes) -> bool:
        """Say whether a state is the device's own word now.

        The bridge says again what it knows, as when it starts: then nothing is new, not
        even when it last heard the device, where it tells that to the millisecond. What
        is heard first after a start may be years old, but for a lock that was told to
        open seconds ago: that is its answer.
        """
        lock = self._names.get(state.name)
        if lock is None:
            return False
        seen = state.last_seen or ""
        exact = "." in seen or len(seen) == MILLISECONDS
        told = seen if exact else hash(payload)
        before = self._last_heard.get(state.name)
        self._last_heard[state.name] = told
        if before is None:
            return self.locks.command(lock) in UNDER_WAY
        return told != before

    async def _all(
        self, events: list[Event], kept: Awaitable[None] | None, *, fresh: bool
    ) -> None:
        for event in events:
            match event:
                case Devices(devices):
                    await self._discover(devices)
                case Bridge(up):
                    await self._bridge(up=up)
                case Unreadable(name, reason):
                    log.warning("message from %s not understood: %s", name[:40], reason)
                case Pressed():
                    await self._pressed(event)
                case _:
                    await self._of_lock(event, fresh=fresh)
        if kept is not None:
            await kept

    async def _of_lock(self, event: Event, *, fresh: bool) -> None:
        assert not isinstance(event, Devices | Bridge)  # noqa: S101 - handled above
        lock = self.named(event.name)
        if lock is None:
            return
        match event:
            case State(slots=slots):
                words = [SlotWord(e.number, e.held, e.pin) for e in slots]
                await self.credentials.hear_all(lock.id, words, fresh=fresh)
                if (kept := self._state(event, fresh=fresh)) is not None:
                    await kept
            case Availability(_, reachable):
                self._reached[lock.id] = reachable
                await self._reach(lock)
            case _:
                await self._happened(lock, event)

    async def _happened(self, lock: Lock, event: Event) -> None:
        match event:
            case Opened(_, slot, source) | LastUser(_, slot, source):
                await self._opened(lock, slot, source)
            case Stored(_, cleared, _):
                await self.credentials.stored(lock.id, cleared=cleared)
            case Programmed(_, int() as slot):
                await self.credentials.ask(lock.id, slot)
            case WrongCode() if door := self._by_lock.get(lock.id):
                self.access.wrong_at_lock(door)

    def _news(self, event: LastUser | Stored) -> bool:
        """Say whether a value that every state repeats is new; the first is not."""
        match event:
            case LastUser():
                before = self._last_users.get(event.name)
                self._last_users[event.name] = event
                return before is not None and before != event
            case Stored(name, cleared, stamp):
                known = self._stored.get((name, cleared))
                self._stored[name, cleared] = stamp
                return known is not None and known != stamp

    async def _bridge(self, *, up: bool) -> None:
        """Take note that the bridge came or went: without it no lock is reached."""
        back, self._up = up and not self._up, up
        for lock in set(self._names.values()):
            await self._reach(self.locks.seen[lock])
        if back:
            await self.locks.read_again()
        if up:
            await self._seed()

    async def _seed(self) -> None:
        """Make the keypads beside doors ready; the bridge forgets it when it ends."""
        await self.presses.seed({door.keypad for door in self.doors})

    async def _reach(self, lock: Lock) -> None:
        reached = self._reached.get(lock.id) if self._up else False
        if (kept := self.locks.hear(replace(lock, reachable=reached))) is not None:
            await kept

    def _perhaps(self, event: LastUser) -> None:
        """Take note that the user before may have opened again.

        The lock was shut since, and is open: it was opened, and perhaps the word of who
        did it is still on its way.
        """
        lock = self.named(event.name)
        if lock is None or lock.id not in self._shut or lock.bolt not in OPEN:
            return
        self._shut.discard(lock.id)
        if self.locks.confirm(lock.id):
            return  # Lodge opened it, and not who was last
        self._waiting[lock.id] = event.slot, event.source, self.clock.now()

    async def tick(self) -> None:
        """Book openings of which nothing more was said."""
        now = self.clock.now()
        for lock, (slot, source, at) in list(self._waiting.items()):
            if now - at >= SAYS_MORE:
                del self._waiting[lock]
                await self._book(self.locks.seen[lock], slot, source)

    async def _discover(self, devices: tuple[Device, ...]) -> None:
        found = [
            Lock(
                LockId(d.address),
                d.name,
                d.model,
                d.slots,
                read_back=d.read_back,
                first_slot=d.first_slot,
                digits=d.digits,
            )
            for d in devices
            if d.role is Role.LOCK
        ]
        self.locks.discover(found, [d.name for d in devices if d.role is Role.KEYPAD])
        self.presses.answering = {d.name for d in devices if d.answers}
        await self._seed()
        known, self._listed = set(self._names.values()), True
        self._name(found)
        there = {lock.id for lock in found}
        self.locks.leave(e for e in self.locks.seen if _ours(e) and e not in there)
        self.sensors = {d.name: d.address for d in devices if d.role is Role.SENSOR}
        self.watching.found |= {each: name for name, each in self.sensors.items()}
        # What was listed before was asked before: a list comes with every change.
        await self.locks.read_again([each.id for each in found if each.id not in known])

    def _state(self, state: State, *, fresh: bool) -> Awaitable[None] | None:
        lock = self.named(state.name)
        if lock is None:
            return None
        heard = replace(
            lock,
            bolt=state.bolt or lock.bolt,
            battery=lock.battery if state.battery is None else state.battery,
            seen_at=self.clock.now() if fresh else lock.seen_at,
        )
        if heard.bolt is Bolt.LOCKED:
            self._shut.add(lock.id)
        self.watching.battery(heard)
        if fresh:
            self.credentials.answered(lock.id)
        return self.locks.hear(heard, fresh=fresh)

    def _sense(self, event: Sensed | Contact) -> None:
        lock = self.named(event.name)
        door = self._by_lock.get(lock.id) if lock else None
        if door is None:
            door = self._sensing.get(self.sensors.get(event.name, ""))
        match event:
            case _ if door is None:
                return
            case Contact(_, open_):
                self.watching.contact(door, open_=open_)
            case Sensed(_, incident, on):
                self.watching.sense(incident, door.id, on=on)

    async def _opened(self, lock: Lock, slot: int | None, source: str) -> None:
        if source in RADIO and self.locks.confirm(lock.id):
            return  # what Lodge told it to do is on the books
        now, before = self.clock.now(), self._booked.get(lock.id)
        if source == UNTOLD:
            # Some locks say that they opened, and then how, or the other way round.
            if before is None or now - before >= SAYS_MORE:
                self._waiting[lock.id] = slot, source, now
            return
        self._waiting.pop(lock.id, None)
        await self._book(lock, slot, source)

    async def _book(self, lock: Lock, slot: int | None, source: str) -> None:
        self._shut.discard(lock.id)
        self._booked[lock.id] = self.clock.now()
        if door := self._by_lock.get(lock.id):
            # Users of a lock whose codes Lodge does not keep are not ours to name.
            ours = slot if lock.slots and source == KEYPAD else None
            opening = Opening(lock.id, ours, source, self.clock.now())
            await self.access.witness(opening, door)

    async def _pressed(self, pressed: Pressed) -> None:
        door = next((d for d in self.doors if d.keypad == pressed.name), None)
        if door is None:
            log.warning("a keypad that hangs on no door was used")
            return
        await self.presses.take(pressed, door)


def _ours(lock: LockId) -> bool:
    """Say whether a lock is zigbee2mqtt's: other kinds stand before a colon."""
    return ":" not in lock
