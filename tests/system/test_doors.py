"""Doors, PINs and locks, on a real ledger."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from devices.model.errors import LockTaken
from devices.model.keys import CredentialState, Refusal
from devices.model.locks import Opening
from devices.model.tasks import Incident, TaskKind
from ledger.errors import Erased, LedgerUnavailable
from ledger.keys import MasterKey
from tests.system.world import LOCK, World


async def test_a_lock_hangs_on_one_door(world: World) -> None:
    with pytest.raises(LockTaken):
        await world.building.hang(world.door.house, "back", LOCK.id, "")


async def test_a_pin_is_at_the_lock_only_once_the_lock_says_so(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.credentials.settle()
    [(credential, _)] = world.stores.keys.credentials()
    assert credential.state is CredentialState.WRITING
    await world.settled()
    await world.credentials.hear(LOCK.id, credential.slot, held=True)
    [(credential, _)] = world.stores.keys.credentials()
    assert credential.state is CredentialState.CONFIRMED
    assert (await world.pin(lease)).isdecimal()


async def test_a_lock_that_forgets_a_pin_is_told_again(world: World, window) -> None:
    await world.registered(window)
    await world.settled()
    [(credential, _)] = world.stores.keys.credentials()
    await world.credentials.hear(LOCK.id, credential.slot, held=False)
    await world.credentials.settle()
    assert ("write", LOCK.id, credential.slot) in [
        told[:3] for told in world.driver.told
    ]


async def test_a_lock_that_never_confirms_becomes_somebodys_task(
    world: World, window
) -> None:
    await world.registered(window)
    for _ in range(6):
        await world.credentials.settle()
        world.clock.move(timedelta(minutes=11))
    tasks = await world.stores.tasks.of("account")
    assert [task.kind for task in tasks] == [TaskKind.CLEAR_AT_KEYPAD]


async def test_a_good_code_opens_and_a_wrong_one_says_why(world: World, window) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    assert await world.access.present(world.door, pin)
    assert ("release", LOCK.id) in world.driver.told
    wrong = f"{(int(pin) + 1) % 10**6:06}"
    refused = await world.access.present(world.door, wrong)
    assert refused.refusal is Refusal.UNKNOWN_KEY
    events = await world.stores.journal.of(lease.tenant)
    assert [event.detail for event in events] == ["granted"]


async def test_guessing_codes_is_slowed(world: World, window) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    for guess in range(5):
        await world.access.present(world.door, f"x{guess}")
    slowed = await world.access.present(world.door, pin)
    assert slowed.refusal is Refusal.TOO_MANY_TRIES
    world.clock.move(timedelta(minutes=2))
    assert await world.access.present(world.door, pin)


async def test_a_door_opens_though_the_disk_is_gone(world: World, window) -> None:
    pin = await world.pin(await world.registered(window))

    def refuse(_verdict):
        kept = asyncio.get_running_loop().create_future()
        kept.set_exception(LedgerUnavailable("full"))
        return kept

    object.__setattr__(
        world.access, "journal", type("Full", (), {"record": staticmethod(refuse)})()
    )
    assert await world.access.present(world.door, pin)
    assert ("release", LOCK.id) in world.driver.told
    assert (Incident.RECORD_FAILED, world.door.id) in world.reported()


async def test_a_lock_that_cannot_be_told_is_an_incident(world: World, window) -> None:
    pin = await world.pin(await world.registered(window))
    world.driver.silent = True
    await world.access.present(world.door, pin)
    assert (Incident.LOCK_SILENT, world.door.id) in world.reported()


async def test_an_opening_by_an_unknown_slot_is_an_incident_and_no_command(
    world: World, window
) -> None:
    await world.registered(window)
    await world.access.witness(
        Opening(LOCK.id, 29, "keypad", world.clock.now()), world.door
    )
    assert (Incident.STRANGE_OPENING, world.door.id) in world.reported()
    assert ("release", LOCK.id) not in world.driver.told


async def test_the_right_pin_is_the_holders_alone(
    world: World, window: tuple[datetime, datetime]
) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    assert pin not in repr(world.stores.keys.credentials())
    stranger = replace(world.stores, master=MasterKey(b"x" * 32))
    with pytest.raises(Erased):
        await stranger.keys.reveal(world.stores.keys.credentials()[0][0], lease.tenant)
