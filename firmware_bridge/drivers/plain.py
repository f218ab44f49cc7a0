"""Locks with one command topic: mapped in the config, or found by discovery."""

import hashlib
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from devices.model.announcements import Announcement, Fault, Unusable
from devices.model.errors import LockSilent
from devices.model.locks import Lock
from devices.model.places import LockId
from devices.model.tasks import Incident
from devices.service.announcing import Announcing
from devices.service.locks import Locks
from devices.service.watching import Watching
from firmware_bridge.drivers.bare import BareDriver
from firmware_bridge.links.broker import BrokerLink, Incoming
from firmware_bridge.mqtt import discovery, plain
from firmware_bridge.mqtt.discovery import Found, Gone
from firmware_bridge.mqtt.plain import Plan
from ledger.clock import Clock


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
    announcing: Announcing
    watching: Watching
    clock: Clock
    beside: str
    topics: dict[str, list[LockId]] = field(default_factory=dict)
    _there: dict[LockId, dict[str, bool]] = field(default_factory=dict)

    def takes(self, topic: str) -> bool:
        """Say whether a message is for this feed."""
        found = topic.startswith(f"{discovery.PREFIX}/")
        return found or topic in self.topics

    def add(self, plans: Iterable[Plan]) -> None:
        """Take locks to be driven; what was known of their topics is forgotten."""
        known = list(plans)
        for plan in known:
            self._forget(LockId(plan.id))
            self.driver.plans[LockId(plan.id)] = plan
            for topic in plan.topics:
                self.topics.setdefault(topic, []).append(LockId(plan.id))
        self.locks.discover([Lock(LockId(p.id), p.name, p.model) for p in known])

    def _forget(self, lock: LockId) -> None:
        for topic in [each for each, listed in self.topics.items() if lock in listed]:
            self.topics[topic].remove(lock)
            if not self.topics[topic]:
                del self.topics[topic]
        self.driver.plans.pop(lock, None)
        self._there.pop(lock, None)

    async def refresh(self) -> None:
        """Drive what is believed of what was announced, as after a person chose."""
        used = {each.lock: each for each in self.announcing.used()}
        for lock in [each for each in self.driver.plans if each.startswith("ha:")]:
            if lock not in used:
                self._forget(lock)
        for each in used.values():
            await self._follow(each)

    async def _follow(self, used: Announcement) -> None:
        """Drive a lock as it was announced, where that is not what is done already."""
        plan = _plan(used)
        if plan is None or self.driver.plans.get(used.lock) == plan:
            return
        before = self.driver.plans.get(used.lock)
        self.add([plan])
        if before is not None and before.topics != plan.topics:
            self.locks.unlearn(used.lock)  # another place spoke of another bolt
        if (link := self.driver.link) is not None:
            old = set(before.topics if before else ()) - self.topics.keys()
            await link.ignore(old)
            await link.listen(plan.topics)

    def take(self, incoming: Incoming) -> Awaitable[None] | None:
        """Take a message; await the answer to know it kept, None where nothing is."""
        if incoming.topic in self.topics:
            return self._all(incoming)
        return self._discover(incoming)

    async def _discover(self, incoming: Incoming) -> None:
        for found in discovery.read(incoming.topic, incoming.payload):
            match found:
                case Unusable():
                    self.announcing.refuse(found)
                case Gone(source):
                    if await self.announcing.take_back(source):
                        await self.refresh()
                case Found(source, plan):
                    await self._announced(source, plan, incoming)

    async def _announced(self, source: str, plan: Plan, incoming: Incoming) -> None:
        self.announcing.unusable.pop(source, None)
        # A lock of zigbee2mqtt's is driven with its PINs, not by this narrow way.
        if plan.command_topic.startswith(f"{self.beside}/"):
            return
        if why := self._taken(plan):
            self.announcing.refuse(Unusable(source, plan.name, Fault.TOPIC, why))
            return
        told = Announcement(
            source,
            plan.command_topic,
            LockId(plan.id),
            plan.name,
            incoming.topic,
            incoming.payload,
            _terms(plan),
        )
        await self.announcing.announce(told)
        if (used := self.announcing.believed(told.lock)) is not None:
            await self._follow(used)

    def _taken(self, plan: Plan) -> str:
        """Say whose topics a lock claims that are not its own; nothing where they are.

        What zigbee2mqtt says is not to be taken from it, and one place is one lock.
        """
        if any(topic.startswith(f"{self.beside}/") for topic in plan.topics):
            return f"{self.beside} speaks there"
        told = plain.release(plan)
        for other in self.driver.plans.values():
            same = plain.release(other)
            if other.id != plan.id and (same.topic, same.payload) == (
                told.topic,
                told.payload,
            ):
                return f"{other.id} listens there"
        return ""

    async def _all(self, incoming: Incoming) -> None:
        for lock in list(self.topics.get(incoming.topic, ())):
            if (plan := self.driver.plans.get(lock)) is None:
                continue  # forgotten while another's word was kept
            now = self.locks.find(lock)
            fresh = not incoming.retained
            heard = replace(now, seen_at=self.clock.now()) if fresh else now
            if incoming.topic == plan.state_topic:
                bolt = plain.bolt_of(plan, incoming.payload)
                heard = replace(heard, bolt=now.bolt if bolt is None else bolt)
                if bolt is not None:
                    stuck = plain.jammed(plan, incoming.payload)
                    self.watching.sense(Incident.LOCK_JAMMED, lock, on=stuck)
            heard = replace(heard, reachable=self._reached(plan, incoming))
            if (kept := self.locks.hear(heard, fresh=fresh)) is not None:
                await kept

    def _reached(self, plan: Plan, incoming: Incoming) -> bool | None:
        """Say whether the lock is there, after what was just said."""
        lock = LockId(plan.id)
        there = self._there.setdefault(lock, {})
        before = self.locks.find(lock).reachable
        for health in plan.health:
            if health.topic == incoming.topic:
                said = plain.available(health, incoming.payload)
                if said is None:
                    return before
                there[health.topic] = said
                return plain.reachable(plan, there, health.topic)
        return before


def _plan(announcement: Announcement) -> Plan | None:
    """Read an announcement again as it came."""
    found = _read(announcement.topic, announcement.payload)
    return found.get(announcement.source)


@lru_cache(maxsize=1_000)
def _read(topic: str, payload: bytes) -> Mapping[str, Plan]:
    told = discovery.read(topic, payload)
    return {each.source: each.plan for each in told if isinstance(each, Found)}


def _terms(plan: Plan) -> str:
    """Return a digest of how a lock is told and heard, whatever it is called."""
    told = replace(plan, name="", model="")
    return hashlib.sha256(repr(told).encode()).hexdigest()
