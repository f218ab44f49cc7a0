"""What a box has only where its settings say so; nobody else pays for loading it."""

from typing import TYPE_CHECKING

from devices.model.places import DoorId
from devices.ports import LockDriver
from enrolment.adapters.state_identity import HttpStateIdentity
from enrolment.ports import CardReader, OutsideCheck
from firmware_bridge.drivers.camera import DoorCameras
from firmware_bridge.links.camera import Camera
from gateway.settings import LodgeSettings
from gateway.wiring.services import Services
from gateway.wiring.stores import Stores
from ledger.keys import read_secret

if TYPE_CHECKING:
    from devices.service.firmware import Firmware
    from gateway.wiring.lines import Lines


def card_reader(settings: LodgeSettings) -> CardReader | None:
    """Return the reader of ID cards, where one is set."""
    told = settings.id_card
    if not told.port:
        return None
    from firmware_bridge.drivers.idcard import IdCardReader  # noqa: PLC0415
    from firmware_bridge.links.serial_port import SerialPort  # noqa: PLC0415

    return IdCardReader(SerialPort(told.port, told.baud))


def door_cameras(settings: LodgeSettings) -> DoorCameras:
    """Return the cameras at doors that somebody has checked on the spot.

    A source is read once; it may hold a password.
    """
    sources = {
        DoorId(told.door): settings.at(told.source_file).read_text("utf-8").strip()
        for told in settings.cameras
        if told.checked is not None
    }
    return DoorCameras({door: Camera(source) for door, source in sources.items()})


def state_identity(settings: LodgeSettings) -> OutsideCheck | None:
    """Return the state's identity channel, where one is set."""
    told = settings.state_identity
    if not told.url:
        return None
    key = read_secret(settings.at(told.key))
    return HttpStateIdentity(told.name, told.url.rstrip("/"), settings.box, key)


def firmware_of(
    settings: LodgeSettings,
    stores: Stores,
    services: Services,
    lines: "Lines | None",
) -> "Firmware | None":
    """Return what updates lock controllers, where there are any."""
    if not settings.firmware.controllers:
        return None
    from gateway.wiring.controllers import open_controllers  # noqa: PLC0415

    return open_controllers(settings, stores, services, lines)


def lines_of(
    settings: LodgeSettings,
    drivers: dict[str, LockDriver],
    stores: Stores,
    services: Services,
) -> "Lines | None":
    """Return the serial lines at work, where there are any; their driver takes part."""
    if not settings.lines:
        return None
    from firmware_bridge.drivers.osdp import KIND, OsdpDriver  # noqa: PLC0415
    from gateway.wiring.lines import open_lines  # noqa: PLC0415

    driver = drivers[KIND] = OsdpDriver()
    lines = open_lines(settings.lines, driver, stores, services)
    services.refreshers.append(lines.feed.refresh)
    return lines
