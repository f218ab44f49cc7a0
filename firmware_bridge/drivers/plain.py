"""Locks with one command topic: mapped in the config, or found by discovery."""

import logging
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace

from devices.model.errors import LockSilent
from devices.model.locks import Lock
from devices.model.places import LockId
from devices.service.locks import Locks
from firmware_bridge.drivers.bare import BareDriver
from firmware_bridge.links.broker import BrokerLink, Incoming
from firmware_bridge.mqtt import homeassistant, plain
from firmware_bridge.mqtt.plain import Plan
from ledger.clock import Clock

log = logging.getLogger(__name__)
# Locks that may be known at once; who announces more fills nobody's memory.
FOUND = 500


@dataclass(slots=True)
class PlainDriver(BareDriver):
    """Fulfils LockDriver for locks that keep no PINs and are asked nothing."""

    plans: dict[LockId, Plan] = field(default_factory=dict)
    link: BrokerLink | None = None

    def release(self, lock: Lock) -> Awaitable[None]:
        plan = self.plans.get(lock.id)
        if plan is None or self.link is None:
            raise LockSilent("this lock has not been found on the broker")
        told = plain.release(plan)
        return self.link.publish(told.topic, told.payload)


@dataclass(slots=True)
class PlainFeed:
    """Takes discovery messages, and what the locks found by them say."""

    driver: PlainDriver
    locks: Locks
    clock: Clock
    beside: str
    topics: dict[str, list[LockId]] = field(default_factory=dict)

    def takes(self, topic: str) -> bool:
        """Say whether a message is for this feed."""
        found = topic.startswith(f"{homeassistant.PREFIX}/")
        return found or topic in self.topics

    def add(self, plans: Iterable[Plan]) -> None:
        """Take locks to be driven."""
        known = list(plans)
        for plan in known:
            lock = LockId(plan.id)
            self.driver.plans[lock] = plan
            for topic in plan.topics:
                listed = self.topics.setdefault(topic, [])
                if lock not in listed:
                    listed.append(lock)
        self.locks.discover([Lock(LockId(p.id), p.name, p.model) for p in known])

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; await the answer to know it kept, None where nothing is."""
        if incoming.topic in self.topics:
            return self._all(incoming)
        return self._discover(incoming)

    async def _discover(self, incoming: Incoming) -> None:
        for found in homeassistant.read_config(incoming.topic, incoming.payload):
            if isinstance(found, homeassistant.Refused):
                log.warning("lock %s cannot be driven: %s", found.name, found.reason)
                continue
            if len(self.driver.plans) >= FOUND and found.id not in self.driver.plans:
                log.warning("more locks were announced than a house has doors")
                continue
            # A lock of zigbee2mqtt's is driven with its PINs, not by this narrow way.
            if found.command_topic.startswith(f"{self.beside}/"):
                continue
            self.add([found])
            if self.driver.link is not None:
                await self.driver.link.listen(found.topics)

    async def _all(self, incoming: Incoming) -> None:
        for lock in self.topics[incoming.topic]:
            plan, now = self.driver.plans[lock], self.locks.find(lock)
            heard = replace(now, seen_at=self.clock.now())
            if incoming.topic == plan.state_topic:
                bolt = plain.bolt_of(plan, incoming.payload)
                heard = replace(heard, bolt=bolt or now.bolt)
            if incoming.topic == plan.availability_topic:
                there = plain.reachable(plan, incoming.payload)
                heard = replace(heard, reachable=there)
            if (kept := self.locks.hear(heard)) is not None:
                await kept
