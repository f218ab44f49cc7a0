"""Power that fails after each step of a tenant's way: what was answered is there.

The ledger's files are copied as they lie, with their log, while the box still runs: a
disk after the power came back.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from stdnum.iso7064 import mod_11_2

from devices.model.keys import KeyState
from enrolment.model.consents import ConsentKind
from enrolment.model.documents import OutsideAnswer
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import FacePath, Lease, Stage
from gateway.wiring.stores import WRITER, Stores
from ledger.book import Book, verify_audit
from ledger.file import LedgerFile
from ledger.keys import MasterKey
from ledger.rows import audit
from tests.fakes import FixedClock
from tests.system.scans import LOOKS, scanned
from tests.system.world import LANDLORD, PERSON, SAME, World, wired


async def notice(world: World, lease: Lease) -> Lease:
    return await world.enrolment.read_notice(lease, "n")


async def choice(world: World, lease: Lease) -> Lease:
    return await world.enrolment.choose(lease, FacePath.SCAN, "n")


async def document(world: World, lease: Lease) -> Lease:
    return (await world.enrolment.identify(lease, PERSON))[0]


async def scan(world: World, lease: Lease) -> Lease:
    await world.shown.take(lease, b"document")
    return (await scanned(world, lease))[0]


async def send(world: World, lease: Lease) -> Lease:
    await world.enrolment.send(lease, [world.door])
    return await world.stores.leases.find(lease.id)


async def withdrawal(world: World, lease: Lease) -> Lease:
    return await world.enrolment.change_path(lease)


async def landlord(world: World, lease: Lease) -> Lease:
    await world.enrolment.enrol(lease, [world.door], PERSON.number[-4:], LANDLORD)
    return await world.stores.leases.find(lease.id)


async def officer(world: World, lease: Lease) -> Lease:
    there = SimpleNamespace(there=True, name="counter", check=matches)
    return (await replace(world.counter, channel=there).check(lease, "12345678"))[0]


async def matches(*_claim) -> OutsideAnswer:
    return OutsideAnswer.MATCH


async def link(world: World, lease: Lease) -> Lease:
    token = await world.letting.invite_again(lease)
    code = (await world.stores.invitations.of(lease.id)).code
    return await world.letting.bind(token, code)


async def proposal(world: World, lease: Lease) -> Lease:
    """Ask to be registered as a child, whose guardian consents with it."""
    await world.correcting.propose(lease, CHILD, "n")
    return lease


async def grant(world: World, lease: Lease) -> Lease:
    [asked] = await world.stores.rights.requests(lease.id)
    await world.correcting.grant(asked, CHILD.number[-4:], LANDLORD)
    return await world.stores.leases.find(lease.id)


# The way of a scan to its end; of who changed his mind, and has his landlord or an
# officer look; of who goes on on another phone; and of a correction after it all.
WAY = (notice, choice, document, scan, send)
WAYS = {
    "scan": WAY,
    "landlord": (*WAY[:4], withdrawal, landlord),
    "officer": (*WAY[:3], withdrawal, officer, send),
    "phone": (*WAY[:3], link, *WAY),
    "correction": (*WAY, proposal, grant),
}
# Each step once, not as often as ways begin with it.
STEPS = [
    (name, steps)
    for name, way in WAYS.items()
    for steps in range(len(way) + 1)
    if name == "scan" or way[:steps] != WAY[:steps]
]
_BODY = "33052220160101001"
CHILD = replace(
    PERSON, number=_BODY + mod_11_2.calc_check_digit(_BODY), guardian="租客丙"
)


async def gone(world: World, window, steps: int, way: str = "scan") -> Lease:
    """Go so many steps of a way."""
    lease = await world.bound(window)
    for step in WAYS[way][:steps]:
        lease = await step(world, lease)
    return lease


def restarted(folder: Path, clock: FixedClock) -> Stores:
    """Open what lies on the disk now, as a box that comes up again does."""
    copy = folder / "after"
    copy.mkdir()
    for each in folder.glob("lodge.db*"):
        shutil.copy(each, copy)
    file = LedgerFile(copy / "lodge.db", b"k" * 32, "box")
    return Stores(Book(file, clock), MasterKey(b"m" * 32), clock)


@pytest.mark.parametrize(("way", "steps"), STEPS)
async def test_each_step_that_was_answered_outlives_a_power_cut(
    house: World, window, clock: FixedClock, tmp_path: Path, way: str, steps: int
) -> None:
    lease = await gone(house, window, steps, way)
    stores = restarted(tmp_path, clock)
    try:
        found = await stores.leases.find(lease.id)
        assert found == lease
        checked = await stores.book.read(lambda c: verify_audit(c, WRITER))
        assert checked.ok
        await stores.keys.refresh()
        active = stores.keys.key(lease.key).state is KeyState.ACTIVE
        assert active == (lease.stage is Stage.REGISTERED)
        entries = await stores.register.after(0)
        corrected = step_is(way, steps, grant)
        assert len(entries) == int(lease.stage is Stage.REGISTERED) + corrected
        kept = await stores.consents.template(lease.tenant)
        assert kept == (SAME.template if step_is(way, steps, scan) else None)
        guardian = await stores.consents.given(lease.tenant, ConsentKind.GUARDIAN)
        asked = await stores.rights.requests(lease.id)
        proposed = way == "correction" and steps > len(WAY)
        assert bool(guardian) == bool(asked) == proposed
        assert [each.granted for each in asked] in ([], [True if corrected else None])
    finally:
        stores.book.close()


@pytest.mark.parametrize(
    ("way", "steps"), [each for each in STEPS if each[1] < len(WAYS[each[0]])]
)
async def test_whoever_was_cut_off_goes_on_with_his_next_step(
    house: World, window, clock: FixedClock, tmp_path: Path, way: str, steps: int
) -> None:
    lease = await gone(house, window, steps, way)
    stores = restarted(tmp_path, clock)
    try:
        world = await again(stores, house, clock)
        lease = await stores.leases.find(lease.id)
        for step in WAYS[way][steps:]:
            lease = await step(world, lease)
        assert lease.stage is Stage.REGISTERED
        with pytest.raises(OutOfTurn):
            await send(world, lease)
    finally:
        stores.book.close()


async def test_what_was_not_answered_left_nothing_half(
    house: World, window, clock: FixedClock, tmp_path: Path
) -> None:
    """A page that never reached the disk is not there in part."""
    lease = await gone(house, window, WAY.index(send))
    stores = restarted(tmp_path, clock)
    await send(house, lease)
    try:
        assert (await stores.leases.find(lease.id)).stage is Stage.IDENTIFIED
        assert await stores.register.after(0) == []
        query = select(audit.c.kind).where(audit.c.kind == "registration")
        assert await stores.book.read(lambda c: c.execute(query).all()) == []
    finally:
        stores.book.close()


def step_is(way: str, steps: int, last: Callable) -> bool:
    return steps > 0 and WAYS[way][steps - 1] is last


async def again(stores: Stores, before: World, clock: FixedClock) -> World:
    """Run a box on a ledger that has its house already."""
    world = wired(stores, clock)
    world.faces.shows = {name.encode(): seen for name, seen in LOOKS.items()}
    await stores.keys.refresh()
    world.door = await stores.houses.door(before.door.id)
    return world
