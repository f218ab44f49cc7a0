"""The lock controllers of a box: loaded only where there are any."""

from functools import partial
from typing import TYPE_CHECKING

from devices.adapters.updates import LedgerUpdates
from devices.model.errors import UnknownDoor
from devices.model.firmware import Controller, ControllerId
from devices.model.places import DoorId
from devices.service.firmware import Firmware
from firmware_bridge.drivers.signing import public_key
from firmware_bridge.links.smp import SmpController
from firmware_bridge.smp.image import board_id, read
from gateway.settings import LodgeSettings
from gateway.wiring.services import Services
from gateway.wiring.stores import Stores
from ledger.keys import KeyClass

if TYPE_CHECKING:
    from gateway.wiring.lines import Lines


def open_controllers(
    settings: LodgeSettings, stores: Stores, services: Services, lines: "Lines | None"
) -> Firmware:
    """Put together what updates the controllers."""
    told = settings.firmware

    async def healthy(controller: Controller) -> bool:
        """Say whether the lock on a controller is heard of, and its strike obeys."""
        if not controller.door:
            return True
        try:
            door = await stores.houses.door(DoorId(controller.door))
        except UnknownDoor as error:
            told = f"the config gives {controller.id} a door that is not there"
            raise UnknownDoor(told) from error
        lock = services.locks.seen.get(door.lock)
        if lock is None or lock.reachable is False:
            return False
        if lines is None or lock.id not in lines.feed.driver.readers:
            return True
        return await lines.feed.driver.obeys(lock.id)

    ids = {each.name: ControllerId(each.name) for each in told.controllers}
    return Firmware(
        stores.book,
        LedgerUpdates(stores.book),
        {
            ids[each.name]: Controller(ids[each.name], each.board, each.door)
            for each in told.controllers
        },
        {
            ids[each.name]: SmpController(each.port, each.baud)
            for each in told.controllers
        },
        services.watching,
        partial(read, key=public_key(settings.at(told.key))),
        board_id,
        healthy,
        stores.master.derive(KeyClass.AUDIT),
        stores.clock,
        told.soak,
    )
