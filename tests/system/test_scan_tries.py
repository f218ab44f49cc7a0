"""One try at a face scan: whose it is, when it ends, what is left of it."""

import asyncio
from datetime import timedelta

import pytest

from enrolment.model.documents import TextLine
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    TriesSpent,
    WaitLonger,
)
from enrolment.model.faces import (
    ChallengeKind,
    Description,
    FaceFault,
    Flaw,
    Related,
    ScanState,
)
from enrolment.model.leases import FacePath, Lease
from enrolment.rules.liveness import TRIES, TRY_LASTS, WAITS
from enrolment.service.scanning import FRAMES_AT_ONCE, TRY_FORGOTTEN
from enrolment.service.shown_documents import DOCUMENT_WAITS
from tests.system.scans import chosen, scanned
from tests.system.world import PERSON, World


async def test_tries_are_counted_on_disk_and_waits_grow(house: World, window) -> None:
    lease = await chosen(house, window)
    house.faces.related = Related(0.0, 0.0, 1.0)
    for failed in range(TRIES):
        if WAITS[failed]:
            with pytest.raises(WaitLonger) as told:
                await house.scanning.begin(lease, [])
            assert 0 < told.value.seconds <= WAITS[failed] + 1
            house.clock.move(timedelta(seconds=WAITS[failed]))
        _, ended = await scanned(house, lease)
        assert ended.flaw is Flaw.STILL
    house.clock.move(timedelta(minutes=5))
    with pytest.raises(TriesSpent):
        await house.scanning.begin(lease, [])
    assert (await house.stores.consents.tries(lease.tenant))[0] == TRIES


async def test_a_try_is_one_phones_and_ends_once(house: World, window) -> None:
    lease = await chosen(house, window)
    first = await house.scanning.begin(lease, [])
    second = await house.scanning.begin(lease, [])
    with pytest.raises(OutOfTurn):
        await house.scanning.take(lease, first.nonce, [(0.1, b"ahead")])
    with pytest.raises(OutOfTurn):
        await house.scanning.take(lease, "guess", [(0.1, b"ahead")])
    _, told = await house.scanning.take(lease, second.nonce, [(0.1, b"ahead")])
    assert told.state is ScanState.UNDER_WAY
    for many in ([], [(0.2 + n, b"ahead") for n in range(FRAMES_AT_ONCE + 1)]):
        with pytest.raises(OutOfTurn):
            await house.scanning.take(lease, second.nonce, many)


@pytest.mark.parametrize("moments", [(0.2, 0.1), (0.2, 0.2), (-5.0, 0.1)])
async def test_frames_out_of_order_end_the_try(house: World, window, moments) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    frames = [(at, b"ahead") for at in moments]
    _, told = await house.scanning.take(lease, begun.nonce, frames)
    assert told.flaw is Flaw.CUT


async def test_frames_from_the_future_end_the_try(house: World, window) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    _, told = await house.scanning.take(lease, begun.nonce, [(60.0, b"ahead")])
    assert told.flaw is Flaw.TOO_SLOW


async def test_f3_consent_withdrawn_in_mid_capture_ends_it(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    await house.enrolment.change_path(lease)
    with pytest.raises(ConsentMissing):
        await house.scanning.take(lease, begun.nonce, [(0.1, b"ahead")])
    assert not house.shown.ready(lease)


async def test_f6_a_documents_numbers_are_gone_after_a_while(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    assert house.shown.ready(lease)
    house.clock.move(DOCUMENT_WAITS)
    assert not house.shown.ready(lease)
    house.faces.description = Description(fault=FaceFault.NO_FACE)
    assert await house.shown.take(lease, b"x") is FaceFault.NO_FACE
    assert not house.shown.ready(lease)


async def test_a_try_left_after_a_movement_was_told_is_a_try(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    await left_once_told(house, lease, [])
    kind = [ChallengeKind.TURN]
    await left_once_told(house, lease, kind)  # asked for something else: no failure
    assert (await house.stores.consents.tries(lease.tenant))[0] == 0
    await house.scanning.begin(lease, kind)
    assert (await house.stores.consents.tries(lease.tenant))[0] == 1
    await house.scanning.begin(lease, kind)  # nothing had been told yet
    assert (await house.stores.consents.tries(lease.tenant))[0] == 1


async def test_a_try_is_left_for_what_one_cannot_do_and_for_nothing_else(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    kinds = list(ChallengeKind)
    for count in range(len(kinds)):  # whoever can do but one of them waits for nothing
        await left_once_told(house, lease, kinds[:count])
    assert (await house.stores.consents.tries(lease.tenant))[0] == 0
    await left_once_told(house, lease, [])  # to choose among them is a try
    assert (await house.stores.consents.tries(lease.tenant))[0] == 1
    other = await chosen(house, window, 1)
    await left_once_told(house, other, [])
    house.clock.move(TRY_FORGOTTEN)
    await house.scanning.forget_old()  # nor is it enough to wait
    await house.scanning.forget_old()
    assert (await house.stores.consents.tries(lease.tenant))[0] == 2
    assert (await house.stores.consents.tries(other.tenant))[0] == 1


async def left_once_told(house: World, lease: Lease, declined) -> None:
    begun = await house.scanning.begin(lease, declined)
    frames = [(0.2 * number, b"ahead") for number in range(1, 5)]
    house.clock.move(timedelta(seconds=1))
    _, told = await house.scanning.take(lease, begun.nonce, frames)
    assert told.challenge is not None


async def test_a_document_that_ran_out_is_asked_for_again(house: World, window) -> None:
    lease = await chosen(house, window)
    house.clock.move(DOCUMENT_WAITS - timedelta(seconds=1))
    with pytest.raises(OutOfTurn, match="document"):
        await scanned(house, lease)


async def test_two_batches_at_once_are_one(house: World, window) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    house.clock.move(timedelta(seconds=1))
    measure = house.faces.measure

    async def slowly(frames):
        await asyncio.sleep(0.05)
        return await measure(frames)

    house.faces.measure = slowly
    outcomes = await asyncio.gather(
        *(house.scanning.take(lease, begun.nonce, [(0.2, b"ahead")]) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, OutOfTurn) for each in outcomes) == 3
    assert len(house.scanning._tries[lease.id].seen) == 1


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), -float("inf")])
async def test_a_time_that_is_none_ends_the_try(
    house: World, window, moment: float
) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    frames = [(moment, b"ahead"), (0.3, b"ahead")]
    _, told = await house.scanning.take(lease, begun.nonce, frames)
    assert told.flaw is Flaw.CUT


async def test_frames_that_were_kept_back_end_the_try(house: World, window) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    house.clock.move(timedelta(seconds=12))
    _, told = await house.scanning.take(lease, begun.nonce, [(1.0, b"ahead")])
    assert told.flaw is Flaw.TOO_SLOW


async def test_f3_choosing_a_person_after_a_scan_takes_the_consent_back(
    house: World, window
) -> None:
    lease = await house.enrolment.read_notice(await house.bound(window), "n")
    lease = await house.enrolment.choose(lease, FacePath.SCAN, "n")
    lease = await house.enrolment.choose(lease, FacePath.PERSON, "n")
    [consent] = await house.stores.consents.all(lease.tenant)
    assert consent.withdrawn_at is not None
    lease, _ = await house.enrolment.identify(lease, PERSON)
    for act in (
        house.shown.take(lease, b"document"),
        house.enrolment.scan(lease, b"live", b"document"),
    ):
        with pytest.raises(ConsentMissing):
            await act


async def test_f3_what_is_withdrawn_is_out_of_memory_too(house: World, window) -> None:
    lease = await chosen(house, window)
    await house.scanning.begin(lease, [])
    house.scanning.forget(lease)
    assert not house.shown._shown
    assert not house.scanning._tries
    lease = await chosen(house, window, 1)
    await house.scanning.begin(lease, [])
    house.clock.move(DOCUMENT_WAITS)
    house.shown.forget_old()
    await house.scanning.forget_old()
    assert not house.shown._shown
    assert not house.scanning._tries


async def test_a_try_ends_with_its_time_and_asks_nothing_again(
    house: World, window
) -> None:
    lease = await chosen(house, window)
    begun = await house.scanning.begin(lease, [])
    house.clock.move(TRY_LASTS)
    await house.scanning.forget_old()
    late = [(TRY_LASTS.total_seconds(), b"ahead")]
    _, told = await house.scanning.take(lease, begun.nonce, late)
    assert told.flaw is Flaw.TOO_SLOW
    with pytest.raises(OutOfTurn):
        await house.scanning.take(lease, begun.nonce, late)


async def test_f3_consent_withdrawn_while_a_document_is_read_keeps_nothing(
    house: World, window
) -> None:
    lease = await house.identified(window, FacePath.SCAN)

    async def slowly(_picture: bytes) -> list[str]:
        await house.enrolment.change_path(lease)
        house.scanning.forget(lease)
        return [TextLine(PERSON.number)]

    house.reader.read = slowly
    with pytest.raises(ConsentMissing):
        await house.shown.take(lease, b"document")
    assert not house.shown._shown
