"""A tenant's way through the services, on a real ledger."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from cloud_sync.model import Answer, DeliveryState, Outcome
from cloud_sync.service import Forwarding
from devices.model import (
    Bolt,
    CommandState,
    CredentialState,
    Door,
    Incident,
    KeyState,
    Landlord,
    Lock,
    LockId,
    LockTaken,
    Opening,
    Refusal,
    TaskKind,
)
from devices.service.access import Access
from devices.service.building import Building
from devices.service.credentials import Credentials
from devices.service.ekeys import EKeys
from devices.service.locks import Locks
from enrolment.model import (
    CodeWrong,
    Comparison,
    ConsentMissing,
    DocumentKind,
    FaceFault,
    FacePath,
    FaceVerdict,
    Lease,
    LinkDead,
    NotTheOriginal,
    OutOfTurn,
    Person,
    RoomTaken,
    Stage,
    WindowWrong,
)
from enrolment.service.enrolment import Enrolment
from enrolment.service.letting import Letting
from enrolment.service.moving_out import MovingOut
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttFeed
from firmware_bridge.links.broker import Incoming
from gateway.wiring.stores import Stores
from ledger.book import verify_audit
from ledger.errors import Conflict, Erased, LedgerUnavailable
from ledger.keys import MasterKey
from tests.fakes import (
    FakeDriver,
    FakeFaces,
    FakeIncidents,
    FakeRegistry,
    FixedClock,
)

LOCK = Lock(LockId("0x1"), "front", "YRD", 30)
PERSON = Person("租客甲", DocumentKind.RESIDENT_CARD, "330522199003150016")
SAME = Comparison(0.8, template=b"\x01" * 512)


@dataclass
class World:
    """A house with everything on a real ledger and the outside faked."""

    stores: Stores
    clock: FixedClock
    driver: FakeDriver
    incidents: FakeIncidents
    faces: FakeFaces
    registry: FakeRegistry
    locks: Locks
    access: Access
    credentials: Credentials
    building: Building
    letting: Letting
    enrolment: Enrolment
    moving_out: MovingOut
    forwarding: Forwarding
    door: Door
    rooms: list

    async def let(self, window, room: int = 0) -> tuple[Lease, str]:
        place = (self.door.house, self.rooms[room].id)
        return await self.letting.let(place, self.door, "label", window)

    async def bound(self, window, room: int = 0) -> Lease:
        lease, token = await self.let(window, room)
        invitation = await self.stores.invitations.of(lease.id)
        return await self.letting.bind(token, invitation.code)

    async def identified(
        self, window, path: FacePath = FacePath.PERSON, room: int = 0
    ) -> Lease:
        lease = await self.enrolment.read_notice(await self.bound(window, room), "n")
        lease = await self.enrolment.choose(lease, path, "n")
        lease, found = await self.enrolment.identify(lease, PERSON)
        assert found
        return lease

    async def registered(self, window, room: int = 0) -> Lease:
        lease = await self.identified(window, room=room)
        await self.enrolment.enrol(lease, self.door, PERSON.number[-4:])
        return await self.stores.leases.find(lease.id)

    async def pin(self, lease: Lease) -> str:
        return await self.enrolment.ekeys.pin(self.stores.keys.key(lease.key))

    async def settled(self) -> None:
        """Let the lock do what it was told, and say so."""
        await self.credentials.settle()
        for command in list(self.driver.told):
            if command[0] in {"write", "clear"}:
                held = command[0] == "write"
                await self.credentials.hear(LOCK.id, command[2], held=held)
        self.driver.told.clear()


@pytest.fixture
async def world(stores: Stores, clock: FixedClock) -> World:
    driver, incidents = FakeDriver(), FakeIncidents()
    faces, registry = FakeFaces(SAME), FakeRegistry()
    locks = Locks(driver, stores.journal, clock)
    locks.discover([LOCK], ["pad"])
    access = Access(stores.keys, stores.journal, locks, incidents, clock)
    ekeys = EKeys(stores.keys, locks)
    book = stores.book
    credentials = Credentials(
        book, stores.keys, locks, driver, stores.tasks, stores.houses, incidents, clock
    )
    forwarding = Forwarding(
        book,
        "box",
        stores.register,
        stores.people,
        stores.houses,
        stores.deliveries,
        stores.tasks,
        registry,
        clock,
    )

    async def changed() -> None:
        return None

    building = Building(book, stores.houses, locks, b"salt", changed)
    letting = Letting(
        book,
        stores.leases,
        stores.invitations,
        stores.people,
        ekeys,
        stores.keys,
        clock,
    )
    enrolment = Enrolment(
        book,
        stores.leases,
        stores.consents,
        stores.people,
        stores.register,
        faces,
        ekeys,
        stores.keys,
        stores.houses,
        stores.tasks,
        clock,
        forwarding.wake,
    )
    moving_out = MovingOut(
        book,
        stores.leases,
        stores.consents,
        stores.people,
        stores.register,
        ekeys,
        stores.keys,
        stores.tasks,
        stores.deliveries,
        clock,
        forwarding.wake,
        timedelta(days=30),
    )
    who = Landlord("account", "房东甲", "13800000000")
    house = await building.register(who, "h", ("示范路1号", "330522"), ["101", "102"])
    door = await building.hang(house.id, "front", LOCK.id, "pad")
    rooms = list(await stores.houses.rooms(house.id))
    return World(
        stores,
        clock,
        driver,
        incidents,
        faces,
        registry,
        locks,
        access,
        credentials,
        building,
        letting,
        enrolment,
        moving_out,
        forwarding,
        door,
        rooms,
    )


async def test_a_registration_is_one_page(world: World, window) -> None:
    lease = await world.identified(window)
    world.stores.book._writer._connection.exec_driver_sql(
        "CREATE TRIGGER broken BEFORE INSERT ON credential "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(Conflict):
        await world.enrolment.enrol(lease, world.door, "0016")
    assert not await world.stores.register.after(0)
    assert world.stores.keys.key(lease.key).state is KeyState.PENDING
    world.stores.book._writer._connection.exec_driver_sql("DROP TRIGGER broken")
    await world.enrolment.enrol(lease, world.door, "0016")
    assert len(await world.stores.register.after(0)) == 1
    assert world.stores.keys.key(lease.key).state is KeyState.ACTIVE


async def test_a_double_tap_registers_once(world: World, window) -> None:
    lease = await world.identified(window)
    outcomes = await asyncio.gather(
        *(world.enrolment.enrol(lease, world.door, "0016") for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert len(await world.stores.register.after(0)) == 1


async def test_the_landlord_must_read_the_right_document(world: World, window) -> None:
    lease = await world.identified(window)
    with pytest.raises(NotTheOriginal):
        await world.enrolment.enrol(lease, world.door, "9999")
    assert not await world.stores.register.after(0)


async def test_f4_no_step_comes_before_the_notice(world: World, window) -> None:
    lease = await world.bound(window)
    with pytest.raises(OutOfTurn):
        await world.enrolment.choose(lease, FacePath.SCAN, "n")
    with pytest.raises(OutOfTurn):
        await world.enrolment.identify(lease, PERSON)
    with pytest.raises(OutOfTurn):
        await world.enrolment.scan(lease, b"live", b"document")


async def test_f3_no_face_is_looked_at_without_consent(world: World, window) -> None:
    lease = await world.identified(window, FacePath.PERSON)
    with pytest.raises(ConsentMissing):
        await world.enrolment.scan(lease, b"live", b"document")


async def test_f10_refusing_the_scan_costs_nothing(world: World, window) -> None:
    other = (window[0], window[1])
    scanned = await world.identified(window, FacePath.SCAN)
    scanned, _ = await world.enrolment.scan(scanned, b"live", b"document")
    plain = await world.identified(other, FacePath.PERSON, room=1)
    for lease in (scanned, plain):
        assert world.enrolment.awaits_person(lease)
        await world.enrolment.enrol(lease, world.door, "0016")
    first, second = (world.stores.keys.key(each.key) for each in (scanned, plain))
    assert (first.state, first.starts, first.ends) == (
        second.state,
        second.starts,
        second.ends,
    )


async def test_withdrawing_drops_the_template_at_once(world: World, window) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert await world.stores.consents.template(lease.tenant) == SAME.template
    after = await world.enrolment.change_path(lease)
    assert await world.stores.consents.template(lease.tenant) is None
    assert world.enrolment.awaits_person(after)
    with pytest.raises(ConsentMissing):
        await world.enrolment.scan(after, b"live", b"document")


async def test_another_face_is_refused_and_leaves_no_template(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    world.faces.answer = Comparison(0.1, template=b"other")
    lease, _ = await world.enrolment.scan(lease, b"live", b"document")
    assert lease.face is FaceVerdict.DIFFERENT
    assert not world.enrolment.awaits_person(lease)
    assert await world.stores.consents.template(lease.tenant) is None
    with pytest.raises(OutOfTurn):
        await world.enrolment.enrol(lease, world.door, "0016")


async def test_a_picture_that_cannot_be_used_changes_nothing(
    world: World, window
) -> None:
    lease = await world.identified(window, FacePath.SCAN)
    world.faces.answer = Comparison(fault=FaceFault.NO_FACE, at_fault="live")
    after, found = await world.enrolment.scan(lease, b"live", b"document")
    assert after == lease
    assert found.fault is FaceFault.NO_FACE


async def test_a_wrong_number_changes_nothing(world: World, window) -> None:
    lease = await world.enrolment.read_notice(await world.bound(window), "n")
    lease = await world.enrolment.choose(lease, FacePath.PERSON, "n")
    wrong = replace(PERSON, number="330522199003150017")
    after, found = await world.enrolment.identify(lease, wrong)
    assert not found
    assert after.stage is Stage.NOTICED


async def test_a_link_binds_to_one_phone(world: World, window) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    await world.letting.bind(token, code)
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)


async def test_a_code_is_guessed_at_most_five_times(world: World, window) -> None:
    lease, token = await world.let(window)
    code = (await world.stores.invitations.of(lease.id)).code
    for _ in range(5):
        with pytest.raises(CodeWrong):
            await world.letting.bind(token, "no")
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)


async def test_a_link_expires_and_a_new_one_kills_the_old(world: World, window) -> None:
    lease, token = await world.let(window)
    again = await world.letting.invite_again(lease)
    code = (await world.stores.invitations.of(lease.id)).code
    with pytest.raises(LinkDead):
        await world.letting.bind(token, code)
    world.clock.move(timedelta(days=8))
    with pytest.raises(LinkDead):
        await world.letting.bind(again, code)


async def test_a_room_is_let_once_at_a_time(world: World, window) -> None:
    await world.let(window)
    with pytest.raises(RoomTaken):
        await world.let(window)
    both = await asyncio.gather(
        world.let(window, 1), world.let(window, 1), return_exceptions=True
    )
    assert sum(isinstance(each, RoomTaken) for each in both) == 1


async def test_a_lease_must_end_after_it_starts(world: World, window) -> None:
    with pytest.raises(WindowWrong):
        await world.let((window[1], window[0]))


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
    assert (Incident.RECORD_FAILED, world.door.id) in world.incidents.reported


async def test_a_lock_that_cannot_be_told_is_an_incident(world: World, window) -> None:
    pin = await world.pin(await world.registered(window))
    world.driver.silent = True
    await world.access.present(world.door, pin)
    assert (Incident.LOCK_SILENT, world.door.id) in world.incidents.reported


async def test_an_opening_by_an_unknown_slot_is_an_incident_and_no_command(
    world: World, window
) -> None:
    await world.registered(window)
    await world.access.witness(
        Opening(LOCK.id, 29, "keypad", world.clock.now()), world.door
    )
    assert (Incident.STRANGE_OPENING, world.door.id) in world.incidents.reported
    assert ("release", LOCK.id) not in world.driver.told


async def test_leaving_clears_pin_template_and_finally_the_person(
    world: World, window
) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    await world.settled()
    left = await world.moving_out.end(lease)
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
    await world.moving_out.end(lease)
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
    await world.moving_out.end(lease)
    assert not await world.stores.register.after(0)


async def test_every_report_is_sent_once_in_a_persons_order(
    world: World, window
) -> None:
    lease = await world.registered(window)
    await world.moving_out.end(lease)
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


async def test_a_lost_answer_is_asked_again_with_the_same_key(
    world: World, window
) -> None:
    await world.registered(window)
    world.registry.answers = [lambda _dispatch: Answer(Outcome.UNKNOWN, "time-out")]
    await world.forwarding.forward_due()
    world.clock.move(timedelta(minutes=10))
    await world.forwarding.forward_due()
    first, again = world.registry.seen
    assert (first.key, first.report) == (again.key, again.report)


def feed_of(world: World) -> Zigbee2mqttFeed:
    stores = world.stores
    return Zigbee2mqttFeed(
        "z", world.locks, world.access, world.credentials, stores.houses, world.clock
    )


async def said(feed: Zigbee2mqttFeed, topic: str, raw: bytes, **more) -> None:
    kept = feed.take(Incoming(f"z/{topic}", raw, more.get("retained", False)))
    if kept is not None:
        await kept


@pytest.mark.parametrize(
    ("topic", "raw"),
    [
        ("nobody", b'{"state":"UNLOCK","action":"unlock","action_user":1}'),
        ("nobody", b'{"action":"disarm","action_code":"471193"}'),
        ("nobody/availability", b"online"),
        ("front", b"not json"),
        ("front", b"x" * 5_000_000),
        ("front", b'{"users":{"999":{"status":"enabled"}}}'),
        ("bridge/devices", b'[{"ieee_address":7}]'),
    ],
)
async def test_a_message_that_means_nothing_here_changes_nothing(
    world: World, window, topic: str, raw: bytes
) -> None:
    await world.registered(window)
    feed = feed_of(world)
    await feed.refresh()
    before = world.locks.find(LOCK.id)
    await said(feed, topic, raw)
    assert replace(world.locks.find(LOCK.id), seen_at=None) == replace(
        before, seen_at=None
    )
    assert ("release", LOCK.id) not in world.driver.told
    await said(feed, "front", b'{"state":"LOCK","lock_state":"locked"}')
    assert world.locks.find(LOCK.id).bolt is Bolt.LOCKED


async def test_a_retained_code_opens_nothing_and_a_fresh_one_does(
    world: World, window
) -> None:
    pin = await world.pin(await world.registered(window))
    feed = feed_of(world)
    await feed.refresh()
    typed = f'{{"action":"disarm","action_code":"{pin}"}}'.encode()
    await said(feed, "pad", typed, retained=True)
    assert ("release", LOCK.id) not in world.driver.told
    await said(feed, "pad", typed)
    assert ("release", LOCK.id) in world.driver.told


async def test_an_unlock_is_unknown_until_the_lock_confirms_it(
    world: World, window
) -> None:
    pin = await world.pin(await world.registered(window))
    await world.access.present(world.door, pin)
    assert world.locks.command(LOCK.id) is CommandState.ACKNOWLEDGED
    world.clock.move(timedelta(seconds=11))
    assert world.locks.command(LOCK.id) is CommandState.UNKNOWN
    feed = feed_of(world)
    await said(feed, "front", b'{"state":"UNLOCK","lock_state":"unlocked"}')
    assert world.locks.command(LOCK.id) is CommandState.CONFIRMED


async def test_the_right_pin_is_the_holders_alone(
    world: World, window: tuple[datetime, datetime]
) -> None:
    lease = await world.registered(window)
    pin = await world.pin(lease)
    assert pin not in repr(world.stores.keys.credentials())
    stranger = replace(world.stores, master=MasterKey(b"x" * 32))
    with pytest.raises(Erased):
        await stranger.keys.reveal(world.stores.keys.credentials()[0][0], lease.tenant)
