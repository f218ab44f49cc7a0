"""The register goes to the registry, on a real ledger."""

from datetime import timedelta

import cloud_sync.service
from cloud_sync.model import Answer, DeliveryState, Dispatch, Outcome
from cloud_sync.wire import Key
from devices.model.tasks import TaskKind
from ledger.ids import new_id
from tests.system.world import World


async def test_every_report_is_sent_once_in_a_persons_order(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.moving_out.end(lease, lease.tenant)
    await world.forwarding.forward_due()
    await world.forwarding.forward_due()
    kinds = [each.report["kind"] for each in world.registry.seen]
    assert kinds == ["arrival", "departure"]
    await world.forwarding.forward_due()
    assert len(world.registry.seen) == 2


async def test_a_refused_report_becomes_the_landlords_task_until_it_is_taken(
    world: World, window
) -> None:
    lease = await world.registered(window)
    refusal = Answer(Outcome.REJECTED, "person.name")
    world.registry.answers = [lambda _dispatch: refusal]
    await world.forwarding.forward_due()
    [task] = await world.stores.tasks.of("account")
    assert (task.kind, task.about) == (TaskKind.MEND_REPORT, lease.registration)
    [delivery] = await world.stores.deliveries.of(lease.tenant)
    assert (delivery.state, delivery.reason) == (DeliveryState.REJECTED, "person.name")
    await world.forwarding.forward_due()
    assert len(world.registry.seen) == 1
    await world.forwarding.retry(delivery)
    await world.forwarding.forward_due()
    assert not await world.stores.tasks.of("account")


async def test_a_report_that_nobody_signs_for_becomes_a_task_once_and_in_time(
    world: World, window
) -> None:
    lease = await world.registered(window)
    nobody = Answer(Outcome.UNKNOWN, "refused, unsigned")
    for _ in range(9):
        world.registry.answers = [lambda _dispatch: nobody]
        await world.forwarding.forward_due()
        world.clock.move(timedelta(hours=1))
    [task] = await world.stores.tasks.of("account")
    assert (task.kind, task.about) == (TaskKind.REPORT_DELAYED, lease.registration)
    assert task.due - lease.starts > timedelta(0)
    await world.forwarding.forward_due()
    assert not await world.stores.tasks.of("account")


async def test_an_answer_that_breaks_here_costs_its_own_report(
    world: World, window
) -> None:
    """The others go, and it is asked again, and told of once it is late."""
    first = await world.registered(window)
    second = await world.registered(window, room=1)

    def breaks(_dispatch: Dispatch) -> Answer:
        raise RecursionError

    world.registry.answers = [breaks]
    await world.forwarding.forward_due()
    states = {
        (await world.stores.deliveries.of(each.tenant))[0].state
        for each in (first, second)
    }
    assert states == {DeliveryState.UNKNOWN, DeliveryState.ACCEPTED}
    world.clock.move(timedelta(minutes=10))
    await world.forwarding.forward_due()
    for each in (first, second):
        [delivery] = await world.stores.deliveries.of(each.tenant)
        assert delivery.state is DeliveryState.ACCEPTED


async def asked_again(world: World, window) -> tuple[Dispatch, Dispatch]:
    """Return what was sent, and what was sent again when no answer came."""
    await world.registered(window)
    world.registry.answers = [lambda _dispatch: Answer(Outcome.UNKNOWN, "time-out")]
    await world.forwarding.forward_due()
    world.clock.move(timedelta(minutes=10))
    await world.forwarding.forward_due()
    first, again = world.registry.seen
    return first, again


async def test_a_lost_answer_is_asked_again_with_the_same_key(
    world: World, window
) -> None:
    first, again = await asked_again(world, window)
    assert (first.key, first.report) == (again.key, again.report)


async def test_broken_variant_with_a_key_for_each_try_is_seen(
    world: World, window, monkeypatch
) -> None:
    def key(box, epoch, registration, version, profile):
        return Key(box, epoch, f"{registration}/{new_id()}", version, profile)

    monkeypatch.setattr(cloud_sync.service, "Key", key)
    first, again = await asked_again(world, window)
    assert (first.key, first.report) != (again.key, again.report)
