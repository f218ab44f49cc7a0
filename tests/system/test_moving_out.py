"""A tenant leaves, on a real ledger."""

from datetime import timedelta

import pytest

from devices.model.keys import CredentialState, Refusal
from enrolment.model.leases import Stage
from ledger.book import verify_audit
from ledger.errors import Erased
from tests.system.world import LOCK, World


async def test_leaving_clears_pin_template_and_finally_the_person(
    world: World, window
) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    await world.settled()
    left = await world.moving_out.end(lease, lease.tenant)
    assert (await world.access.present(world.door, pin)).refusal is Refusal.REVOKED
    await world.settled()
    [(credential, _)] = world.stores.keys.credentials()
    assert credential.state is CredentialState.CLEARED
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(left.id)).stage is Stage.LEFT
    for _ in range(2):
        await world.forwarding.forward_due()
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(left.id)).stage is Stage.ERASED
    with pytest.raises(Erased):
        await world.stores.people.salt(lease.tenant)
    assert (await world.stores.book.read(lambda c: verify_audit(c, "box"))).ok


async def test_erasing_a_person_still_clears_his_pin_at_the_lock(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.settled()
    [(credential, _)] = world.stores.keys.credentials()
    await world.moving_out.end(lease, lease.tenant)
    for _ in range(2):
        await world.forwarding.forward_due()
    world.clock.move(timedelta(days=31))
    await world.moving_out.erase_due()
    assert (await world.stores.leases.find(lease.id)).stage is Stage.ERASED
    [(kept, _)] = world.stores.keys.credentials()
    assert (kept.sealed, kept.digest == credential.digest) == (b"", False)
    await world.credentials.settle()
    assert ("clear", LOCK.id, credential.slot) in world.driver.told
    await world.credentials.hear(LOCK.id, credential.slot, held=False)
    assert not world.stores.keys.credentials()


async def test_a_tenant_who_never_registered_leaves_no_departure(
    world: World, window
) -> None:
    lease = await world.bound(window)
    await world.moving_out.end(lease, lease.tenant)
    assert not await world.stores.register.after(0)
