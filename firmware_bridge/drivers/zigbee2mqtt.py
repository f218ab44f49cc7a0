"""Locks and keypads behind zigbee2mqtt."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from devices.model.locks import Lock, Opening
from devices.model.places import Door, LockId
from devices.ports import Houses
from devices.service.access import Access
from devices.service.credentials import Credentials
from devices.service.locks import Locks
from firmware_bridge.links.broker import BrokerLink, Incoming
from firmware_bridge.mqtt import zigbee2mqtt as wire
from ledger.clock import Clock

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Zigbee2mqttDriver:
    """Fulfils LockDriver: says what Lodge wants, over the broker."""

    base: str
    link: BrokerLink | None = None

    def release(self, lock: Lock) -> Awaitable[None]:
        return self._tell(wire.release(self.base, lock.name))

    def write_pin(self, lock: Lock, slot: int, pin: str) -> Awaitable[None]:
        return self._tell(wire.write_pin(self.base, lock.name, slot, pin))

    def clear_pin(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._tell(wire.clear_pin(self.base, lock.name, slot))

    def ask_slot(self, lock: Lock, slot: int) -> Awaitable[None]:
        return self._tell(wire.ask_slot(self.base, lock.name, slot))

    def ask_state(self, lock: Lock) -> Awaitable[None]:
        return self._tell(wire.ask_state(self.base, lock.name))

    def _tell(self, told: wire.Told) -> Awaitable[None]:
        # A secret goes at QoS 0: a broker keeps no copy for whoever is not there.
        assert self.link is not None  # noqa: S101 - wiring sets it before anything runs
        return self.link.publish(told.topic, told.payload, qos=0 if told.secret else 1)


@dataclass(slots=True)
class Zigbee2mqttFeed:
    """Takes what zigbee2mqtt publishes to where it belongs."""

    base: str
    locks: Locks
    access: Access
    credentials: Credentials
    houses: Houses
    clock: Clock
    doors: tuple[Door, ...] = ()

    async def refresh(self) -> None:
        """Read again which lock and keypad hang on which door."""
        self.doors = tuple(await self.houses.every_door())

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; await the answer to know it kept, None where nothing is."""
        events = list(
            wire.read(
                self.base, incoming.topic, incoming.payload, retained=incoming.retained
            )
        )
        match events:
            case []:
                return None
            case [wire.State() as state] if not state.slots:
                return self._state(state)
            case _:
                return self._all(events)

    async def _all(self, events: list[wire.Event]) -> None:
        for event in events:
            match event:
                case wire.Devices(devices):
                    await self._discover(devices)
                case wire.Unreadable(name, reason):
                    log.warning("message from %s not understood: %s", name[:40], reason)
                case _:
                    await self._one(event)

    async def _one(self, event: wire.Event) -> None:
        match event:
            case wire.State() as state:
                await self._slots(state)
                if (kept := self._state(state)) is not None:
                    await kept
            case wire.Availability(name, reachable):
                if lock := self.locks.named(name):
                    await self.locks.hear(replace(lock, reachable=reachable))
            case wire.Opened(name, slot, source):
                await self._opened(name, slot, source)
            case wire.Code(name, code):
                await self._code(name, code)

    async def _discover(self, devices: tuple[wire.Device, ...]) -> None:
        self.locks.discover(
            [
                Lock(LockId(d.address), d.name, d.model, d.slots)
                for d in devices
                if d.lock
            ],
            [d.name for d in devices if not d.lock],
        )
        await self.locks.read_again()

    def _state(self, state: wire.State) -> Awaitable[None] | None:
        lock = self.locks.named(state.name)
        if lock is None:
            return None
        heard = replace(
            lock,
            bolt=state.bolt or lock.bolt,
            battery=lock.battery if state.battery is None else state.battery,
            seen_at=self.clock.now(),
        )
        return self.locks.hear(heard)

    async def _slots(self, state: wire.State) -> None:
        lock = self.locks.named(state.name)
        if lock is None:
            return
        for slot, held in state.slots:
            await self.credentials.hear(lock.id, slot, held=held)

    async def _opened(self, name: str, slot: int | None, source: str) -> None:
        lock = self.locks.named(name)
        door = lock and next((d for d in self.doors if d.lock == lock.id), None)
        if lock and door:
            opening = Opening(lock.id, slot, source, self.clock.now())
            await self.access.witness(opening, door)

    async def _code(self, name: str, code: str) -> None:
        door = next((d for d in self.doors if d.keypad == name), None)
        if door is None:
            log.warning("a keypad that hangs on no door was used")
            return
        await self.access.present(door, code)
