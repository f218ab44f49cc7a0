"""Alarms become tasks of those whom they concern, on a real ledger."""

import json
from datetime import timedelta

import pytest

from devices.model.errors import NotYours
from devices.model.keys import Refusal
from devices.model.locks import Lock
from devices.model.places import LockId
from devices.model.tasks import Incident, TaskKind
from firmware_bridge.links.broker import Incoming
from tests.system.world import LANDLORD, LOCK, World


async def booked(world: World) -> None:
    while not world.alarms.facts.empty():
        await world.alarms.book_next()


async def says(world: World, name: str, told: dict) -> None:
    raw = json.dumps(told).encode()
    kept = world.feed.take(Incoming(f"z/{name}", raw, retained=False))
    if kept is not None:
        await kept
    await booked(world)


@pytest.fixture
async def let(world: World, window) -> tuple[World, str]:
    """A world whose first room, with a door of its own, somebody lives in."""
    world.locks.discover([Lock(LockId("0x2"), "room", "YRD", 30)])
    world.door = await world.building.hang(
        world.door.house, "101", LockId("0x2"), room=world.rooms[0].id
    )
    lease = await world.registered(window)
    await world.feed.refresh()
    return world, lease.tenant


async def open_tasks(world: World, owner: str) -> list:
    return [task.incident for task in await world.stores.tasks.of(owner)]


async def test_smoke_is_told_to_landlord_and_residents_until_it_is_over(let) -> None:
    world, tenant = let
    await says(world, "room", {"smoke": True})
    await says(world, "room", {"smoke": True})
    for owner in (LANDLORD, tenant):
        assert await open_tasks(world, owner) == [Incident.SMOKE]
        [task] = await world.stores.tasks.of(owner)
        await world.alarms.accept(task.id, owner)
        assert await open_tasks(world, owner) == [Incident.SMOKE]
    await says(world, "room", {"smoke": False})
    for owner in (LANDLORD, tenant):
        assert await open_tasks(world, owner) == []


async def test_an_alarm_that_comes_back_is_not_closed(let) -> None:
    world, _tenant = let
    for smoke in (True, False, True):
        await says(world, "room", {"smoke": smoke})
    [task] = await world.stores.tasks.of(LANDLORD)
    await world.alarms.accept(task.id, LANDLORD)
    assert await open_tasks(world, LANDLORD) == [Incident.SMOKE]


async def test_nobody_accepts_what_is_anothers(let) -> None:
    world, tenant = let
    await says(world, "room", {"water_leak": True})
    [task] = await world.stores.tasks.of(tenant)
    with pytest.raises(NotYours):
        await world.alarms.accept(task.id, LANDLORD)


async def test_a_low_battery_is_a_task_until_it_is_changed(world: World) -> None:
    await says(world, "front", {"battery": 80})
    assert await open_tasks(world, LANDLORD) == []
    await says(world, "front", {"battery": 9})
    assert await open_tasks(world, LANDLORD) == [Incident.BATTERY_LOW]
    [task] = await world.stores.tasks.of(LANDLORD)
    await world.alarms.accept(task.id, LANDLORD)
    await says(world, "front", {"battery": 20})
    assert await open_tasks(world, LANDLORD) == [Incident.BATTERY_LOW]
    await says(world, "front", {"battery": 100})
    assert await open_tasks(world, LANDLORD) == []


async def test_a_door_that_opens_under_a_locked_bolt_was_forced(world: World) -> None:
    await says(world, "front", {"state": "LOCK", "lock_state": "locked"})
    await says(world, "front", {"contact": False})
    assert await open_tasks(world, LANDLORD) == [Incident.FORCED_OPEN]


async def test_a_door_left_open_is_told_of_after_a_while(world: World) -> None:
    await says(world, "front", {"state": "UNLOCK", "lock_state": "unlocked"})
    await says(world, "front", {"contact": False})
    world.watching.tick()
    await booked(world)
    assert await open_tasks(world, LANDLORD) == []
    world.clock.move(timedelta(minutes=5))
    world.watching.tick()
    await booked(world)
    assert await open_tasks(world, LANDLORD) == [Incident.DOOR_AJAR]


@pytest.mark.parametrize(
    ("told", "incident"),
    [
        ({"action": "error_jammed"}, Incident.LOCK_JAMMED),
        ({"door_state": "error_jammed"}, Incident.LOCK_JAMMED),
        ({"tamper": True}, Incident.TAMPER),
        ({"gas": True}, Incident.GAS),
        ({"carbon_monoxide": True}, Incident.CARBON_MONOXIDE),
    ],
)
async def test_a_locks_alarm_is_a_task(world: World, told, incident) -> None:
    await says(world, "front", told)
    assert await open_tasks(world, LANDLORD) == [incident]


async def test_a_sensor_watches_the_door_it_was_mounted_at(world: World) -> None:
    exposes = [{"type": "binary", "property": "smoke"}]
    entry = {
        "ieee_address": "0x9",
        "friendly_name": "smoke",
        "definition": {"model": "S", "exposes": exposes},
    }
    raw = json.dumps([entry]).encode()
    await world.feed.take(Incoming("z/bridge/devices", raw, retained=True))
    await says(world, "smoke", {"smoke": True})
    assert await open_tasks(world, LANDLORD) == []
    await world.building.mount("0x9", world.door)
    await says(world, "smoke", {"smoke": True})
    assert await open_tasks(world, LANDLORD) == [Incident.SMOKE]


async def test_wrong_codes_shut_one_door_and_not_the_house(let, window) -> None:
    world, _tenant = let
    front = next(d for d in world.feed.doors if d.lock == LOCK.id)
    lease = await world.registered(window, room=1)
    pin = await world.pin(lease)
    wrong = {"action": "unlock_failure_invalid_pin_or_id", "action_user": 0}
    for _ in range(5):
        await says(world, "front", wrong)
    assert await open_tasks(world, LANDLORD) == [Incident.WRONG_CODE_LIMIT]
    shut = await world.access.present(front, pin)
    assert shut.refusal is Refusal.TOO_MANY_TRIES
    other = await world.access.present(world.door, pin)
    assert other.refusal is not Refusal.TOO_MANY_TRIES


async def test_a_failed_unlock_is_not_booked_as_one(world: World, window) -> None:
    lease = await world.registered(window)
    slot = world.ekeys.given(world.stores.keys.key(lease.key))[0].slot
    for action in ("unlock_failure_invalid_pin_or_id", "pin_code_added", "lock"):
        await says(world, "front", {"action": action, "action_user": slot})
    assert not await world.stores.journal.of(lease.tenant)


async def test_who_opened_is_not_guessed(world: World, window) -> None:
    lease = await world.registered(window)
    await world.settled()
    slot = world.ekeys.given(world.stores.keys.key(lease.key))[0].slot
    for source in ("manual", "rfid", "fingerprint", None):
        told = {"action": "unlock", "action_user": slot, "action_source_name": source}
        await says(world, "front", told)
    assert not await world.stores.journal.of(lease.tenant)
    told = {"action": "unlock", "action_user": slot, "action_source_name": "keypad"}
    await says(world, "front", told)
    assert len(await world.stores.journal.of(lease.tenant)) == 1


async def test_a_lock_that_does_not_answer_is_told_of_once(
    world: World, window
) -> None:
    await world.registered(window)
    await says(world, "front", {"state": "UNLOCK"})
    world.driver.silent = True
    for _ in range(5):
        await world.credentials.settle()
        world.clock.move(timedelta(minutes=11))
    await booked(world)
    kinds = [task.kind for task in await world.stores.tasks.of(LANDLORD)]
    assert kinds.count(TaskKind.LOOK_AT) == 1
    await says(world, "front", {"state": "LOCK"})
    [task] = [
        task
        for task in await world.stores.tasks.of(LANDLORD)
        if task.kind is TaskKind.LOOK_AT
    ]
    assert task.gone is not None
