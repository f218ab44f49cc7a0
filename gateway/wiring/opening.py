"""What a box is made of, put together from its settings."""

from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.counter import StationCounter
from cloud_sync.adapters.pairing import Pairing
from cloud_sync.adapters.station import StationRegistry
from devices.ports import LockDriver
from enrolment.adapters.faces.engine import FaceWorker
from firmware_bridge.drivers.frigate import FrigateFeed
from firmware_bridge.drivers.homeassistant import HomeAssistant
from firmware_bridge.drivers.plain import PlainDriver, PlainFeed
from firmware_bridge.drivers.routing import Feeds, RoutedDriver
from firmware_bridge.drivers.zigbee2mqtt import Zigbee2mqttDriver
from firmware_bridge.links.broker import BrokerLink
from firmware_bridge.mqtt.plain import Health, Plan, Words, into
from gateway.assessment import read as read_assessment
from gateway.settings import LodgeSettings, MappedLock
from gateway.web.site import Rooms
from gateway.wiring.box import Gateway
from gateway.wiring.broker import Reconnected, link_of
from gateway.wiring.faces import DocumentReader, face_worker
from gateway.wiring.optional import (
    card_reader,
    door_cameras,
    firmware_of,
    lines_of,
    state_identity,
)
from gateway.wiring.pairing import Stations
from gateway.wiring.services import Outside, Told, connect
from gateway.wiring.stores import open_stores
from ledger.keys import KeyClass, read_secret
from porch.accounts import Accounts
from porch.passkeys import Passkeys
from porch.sessions import Sessions


def open_gateway(settings: LodgeSettings) -> Gateway:
    """Put a box together."""
    stores, faces = open_stores(settings), face_worker(settings)
    reader = DocumentReader()
    base, cameras = settings.broker.base, door_cameras(settings)
    zigbee, plain = Zigbee2mqttDriver(base), PlainDriver()
    drivers: dict[str, LockDriver] = {"ha": plain, "mqtt": plain}
    driver = RoutedDriver(zigbee, drivers)
    registry = StationRegistry(
        Ed25519PrivateKey.from_private_bytes(
            read_secret(settings.at(settings.box_key))
        ),
        Pairing.read(settings.at(settings.pairing)),
    )
    counter = StationCounter(registry, settings.box, stores.book.epoch)
    services = connect(
        stores,
        Outside(
            driver,
            faces,
            reader,
            registry,
            card_reader(settings),
            state_identity(settings),
            counter=counter,
            papers=counter,
            cameras=cameras,
        ),
        Told(
            settings.box,
            settings.broker.base,
            settings.retention.after_departure,
            partial(read_assessment, settings.at(settings.faces.assessment)),
        ),
    )
    others = PlainFeed(
        plain,
        services.locks,
        services.announcing,
        services.watching,
        stores.clock,
        base,
    )
    others.add(_plan(each) for each in settings.mapped)
    shown = HomeAssistant(stores.houses, services.locks, services.access)
    seen = FrigateFeed(services.watching, stores.houses, settings.broker.frigate)
    services.refreshers.extend((shown.read, seen.read, others.refresh))
    lines = lines_of(settings, drivers, stores, services)
    feeds = Feeds(services.feed, (shown, others, seen))
    link = link_of(settings, feeds, tuple(others.topics), Reconnected(services, shown))
    zigbee.link = plain.link = shown.link = link
    services.feed.presses.link = link
    zigbee.left = services.locks.left
    salt, attempts = stores.master.derive(KeyClass.AUDIT), stores.attempts
    accounts = Accounts(stores.book, stores.clock, attempts, salt)
    stations = Stations(
        registry,
        settings.box,
        settings.at(settings.pairing),
        stores.book,
        salt,
        services.forwarding.wake,
    )
    registry.keep = stations.succeed
    rooms = Rooms(
        settings=settings,
        accounts=accounts,
        passkeys=Passkeys(accounts, settings.web.address),
        attempts=attempts,
        sessions=Sessions(stores.book, stores.clock, salt, "lodge_box"),
        houses=stores.houses,
        tasks=stores.tasks,
        leases=stores.leases,
        invitations=stores.invitations,
        consents=stores.consents,
        deliveries=stores.deliveries,
        keys=stores.keys,
        locks=services.locks,
        access=services.access,
        asking=services.asking,
        showing=services.showing,
        cards=services.cards,
        watching=services.watching,
        announcing=services.announcing,
        alarms=services.alarms,
        ekeys=services.ekeys,
        credentials=services.credentials,
        journal=stores.journal,
        building=services.building,
        replacing=services.replacing,
        letting=services.letting,
        enrolment=services.enrolment,
        shown=services.shown,
        opting_in=services.opting_in,
        scanning=services.scanning,
        state_checking=services.state_checking,
        counter=services.counter,
        door_faces=services.door_faces,
        rights=services.rights,
        correcting=services.correcting,
        rights_book=stores.rights,
        farewells=services.farewells,
        identity={
            "box": settings.box,
            "box_key": registry.key.public_key().public_bytes_raw().hex(),
        },
        sign=registry.key.sign,
        register=stores.register,
        card_readings=services.card_readings,
        moving_out=services.moving_out,
        prolonging=services.prolonging,
        papers=services.papers,
        clock=stores.clock,
        firmware=firmware_of(settings, stores, services, lines),
        stations=stations,
        ailments=lambda: _ailments(link, faces),
    )
    return Gateway(
        settings,
        stores,
        services,
        link,
        shown,
        faces,
        reader,
        registry,
        rooms,
        cameras,
        lines,
    )


def _ailments(link: BrokerLink, faces: FaceWorker) -> list[str]:
    found = [] if link.up else ["broker: not connected"]
    found += [f"broker: tells nothing of {topic}" for topic in sorted(link.unheard)]
    found += [] if faces.pid else ["faces: the worker is not running"]
    return found


def _plan(told: MappedLock) -> Plan:
    health = Health(told.availability_topic, told.available, told.away)
    return Plan(
        id=f"mqtt:{told.name}",
        name=told.name,
        command_topic=told.command_topic,
        unlock=told.unlock,
        open=told.open,
        state_topic=told.state_topic,
        template=into(told.path),
        words=Words(
            locked=told.locked,
            unlocked=told.unlocked,
            open=told.unlatched,
            jammed=told.jammed,
        ),
        health=(health,) if health.topic else (),
    )
