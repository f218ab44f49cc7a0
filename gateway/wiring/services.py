"""The box's services, connected to each other and to what lies outside."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from cloud_sync.ports import Registry
from cloud_sync.service import Forwarding
from devices.adapters.tokens import BiscuitTokens
from devices.ports import LockDriver
from devices.service.access import Access
from devices.service.alarms import Alarms
from devices.service.announcing import Announcing
from devices.service.asking import Asking
from devices.service.building import Building
from devices.service.cards import Cards
from devices.service.credentials import Credentials
from devices.service.ekeys import EKeys
from devices.service.locks import Locks
from devices.service.pins import Pins
from devices.service.replacing import Replacing
from devices.service.showing import Showing
from devices.service.watching import Watching
from enrolment.model.assessment import Assessment
from enrolment.ports import (
    CardReader,
    FaceEngine,
    OutsideCheck,
    PaperCheck,
    TextReader,
)
from enrolment.service.cards import CardReadings
from enrolment.service.checking import COUNTER, STATE, Checking
from enrolment.service.correcting import Correcting
from enrolment.service.door_faces import DoorFaces
from enrolment.service.duties import Duties
from enrolment.service.enrolment import Enrolment
from enrolment.service.farewells import Farewells
from enrolment.service.letting import Letting
from enrolment.service.moving_out import MovingOut
from enrolment.service.opting_in import OptingIn
from enrolment.service.papers import Papers
from enrolment.service.prolonging import Prolonging
from enrolment.service.rights import Rights
from enrolment.service.scanning import Scanning
from enrolment.service.shown_documents import ShownDocuments
from enrolment.service.switch import FaceSwitch
from firmware_bridge.drivers.camera import DoorCameras
from firmware_bridge.drivers.presses import Presses
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttFeed
from gateway.wiring.stores import Stores
from ledger.keys import KeyClass


@dataclass(frozen=True, slots=True)
class Outside:
    """What the services speak to beyond the ledger."""

    driver: LockDriver
    faces: FaceEngine
    reader: TextReader
    registry: Registry
    cards: CardReader | None = None
    state: OutsideCheck | None = None
    counter: OutsideCheck | None = None
    papers: PaperCheck | None = None
    cameras: DoorCameras = field(default_factory=DoorCameras)


@dataclass(frozen=True, slots=True)
class Told:
    """What the settings say about a box: its name, its topics, its terms.

    `assessment` reads the impact assessment as it stands.
    """

    box: str
    base: str
    retention: timedelta
    assessment: Callable[[], Assessment | None]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a box does, ready to be asked."""

    locks: Locks
    announcing: Announcing
    alarms: Alarms
    access: Access
    asking: Asking
    showing: Showing
    ekeys: EKeys
    cards: Cards
    credentials: Credentials
    watching: Watching
    feed: Zigbee2mqttFeed
    refreshers: list[Callable[[], Awaitable[None]]]
    building: Building
    replacing: Replacing
    forwarding: Forwarding
    letting: Letting
    enrolment: Enrolment
    shown: ShownDocuments
    opting_in: OptingIn
    scanning: Scanning
    door_faces: DoorFaces
    state_checking: Checking
    counter: Checking
    rights: Rights
    correcting: Correcting
    moving_out: MovingOut
    prolonging: Prolonging
    papers: Papers
    farewells: Farewells
    card_readings: CardReadings


def connect(stores: Stores, outside: Outside, told: Told) -> Services:
    """Connect the services of a box on its ledger."""
    book, clock, keys = stores.book, stores.clock, stores.keys
    houses, tasks, driver = stores.houses, stores.tasks, outside.driver
    salt = stores.master.derive(KeyClass.AUDIT)
    alarms = Alarms(book, tasks, houses, keys, salt, clock)
    locks = Locks(driver, stores.journal, clock)
    access = Access(book, keys, stores.journal, locks, alarms, clock, stores.attempts)
    ekeys = EKeys(book, keys, Pins(keys, locks), stores.attempts, salt, clock)
    asking = Asking(book, stores.approvals, houses, access, alarms, salt, clock)
    showing = Showing(book, keys, BiscuitTokens(stores.master), access, salt, clock)
    credentials = Credentials(book, keys, locks, driver, tasks, houses, alarms, clock)
    cards = Cards(keys, ekeys, access, clock)
    watching = Watching(alarms, locks, houses, clock)
    feed = Zigbee2mqttFeed(
        told.base,
        locks,
        access,
        Presses(told.base, cards, locks, clock),
        credentials,
        watching,
        houses,
        clock,
    )
    refreshers: list[Callable[[], Awaitable[None]]] = [feed.refresh, watching.refresh]

    async def changed() -> None:
        for refresh in refreshers:
            await refresh()

    announcing = Announcing(book, stores.announcements, houses, locks, salt, changed)
    building = Building(
        book,
        houses,
        locks,
        stores.locks,
        ekeys,
        keys,
        tasks,
        stores.approvals,
        salt,
        clock,
        changed,
        access.unvouch,
    )
    forwarding = Forwarding(
        book,
        told.box,
        stores.register,
        stores.people,
        houses,
        stores.deliveries,
        tasks,
        outside.registry,
        clock,
    )
    switch = FaceSwitch(told.assessment, outside.faces, stores.assessments, clock)
    access.second = door_faces = DoorFaces(
        access,
        houses,
        stores.consents,
        outside.faces,
        switch,
        outside.cameras,
        alarms,
    )
    refreshers.append(door_faces.refresh)
    enrolment = Enrolment(
        book,
        stores.leases,
        stores.consents,
        stores.people,
        stores.register,
        outside.faces,
        switch,
        ekeys,
        keys,
        Duties(houses, tasks, clock),
        clock,
        forwarding.wake,
        door_faces.refresh,
    )
    shown, opting_in, scanning = _scans(
        stores, outside, (enrolment, building, door_faces)
    )
    state_checking, counter = (
        Checking(
            way,
            book,
            stores.leases,
            stores.consents,
            stores.people,
            stores.rights,
            enrolment.duties,
            channel,
            clock,
        )
        for way, channel in ((STATE, outside.state), (COUNTER, outside.counter))
    )
    letting = Letting(
        book,
        stores.leases,
        stores.invitations,
        stores.people,
        ekeys,
        keys,
        houses,
        stores.consents,
        stores.rights,
        enrolment.duties,
        counter,
        clock,
        stores.attempts,
    )
    rights = Rights(
        book,
        stores.leases,
        stores.consents,
        stores.people,
        stores.register,
        stores.rights,
        houses,
        tasks,
        clock,
    )
    farewells = Farewells(
        book, stores.leases, stores.people, stores.rights, tasks, clock
    )
    moving_out = MovingOut(
        book,
        stores.leases,
        stores.consents,
        stores.people,
        stores.register,
        stores.rights,
        ekeys,
        keys,
        tasks,
        stores.deliveries,
        clock,
        forwarding.wake,
        told.retention,
    )
    return Services(
        locks,
        announcing,
        alarms,
        access,
        asking,
        showing,
        ekeys,
        cards,
        credentials,
        watching,
        feed,
        refreshers,
        building,
        Replacing(
            book, houses, keys, ekeys.pins, tasks, building, announcing, salt, clock
        ),
        forwarding,
        letting,
        enrolment,
        shown,
        opting_in,
        scanning,
        door_faces,
        state_checking,
        counter,
        rights,
        Correcting(enrolment, rights),
        moving_out,
        Prolonging(enrolment, houses, stores.approvals, tasks),
        Papers(asking, stores.leases, outside.papers, stores.attempts),
        farewells,
        CardReadings(outside.cards, clock),
    )


def _scans(
    stores: Stores, outside: Outside, told: tuple[Enrolment, Building, DoorFaces]
) -> tuple[ShownDocuments, OptingIn, Scanning]:
    """Connect what looks at faces on tenants' phones."""
    enrolment, building, door_faces = told
    book, clock = stores.book, stores.clock
    shown = ShownDocuments(enrolment, outside.faces, outside.reader, clock)
    opting_in = OptingIn(
        book,
        stores.leases,
        stores.invitations,
        stores.consents,
        stores.people,
        building,
        door_faces,
        outside.faces,
        clock,
    )
    scanning = Scanning(
        book,
        shown,
        opting_in,
        stores.consents,
        stores.people,
        outside.faces,
        clock,
    )
    return shown, opting_in, scanning
