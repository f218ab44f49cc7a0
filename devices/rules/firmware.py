"""Which image may go to which controller, when, and what comes next."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from devices.model.firmware import (
    UNDER_WAY,
    Controller,
    Image,
    ImageFault,
    Slot,
    Step,
    Update,
    Version,
    WaitsFor,
)


def fault_of(
    image: Image, board: bytes, last: Image | None, slots: Sequence[Slot]
) -> ImageFault | None:
    """Say why an image must not go to a controller; None where it may.

    `last` is what was last confirmed there; a security counter never falls, and a
    version only rises.
    """
    if image.board != board:
        return ImageFault.OTHER_BOARD
    if last is not None and image.counter < last.counter:
        return ImageFault.OLDER
    running = [version_of(slot.version) for slot in slots if slot.active]
    known = [*running, *([last.version] if last else [])]
    runs = any(slot.active and slot.hash == image.hash for slot in slots)
    if not runs and any(image.version <= each for each in known):
        return ImageFault.OLDER
    return None


def version_of(text: str) -> Version:
    """Read a version as a controller tells it: 1.2.3, 1.2.3.4 or 1.2.3+4."""
    parts = text.replace("+", ".").split(".")[:4]
    return Version(*(int(each) if each.isdecimal() else 0 for each in parts))


def waits_for(
    controller: Controller,
    image: Image,
    updates: Sequence[Update],
    now: datetime,
    soak: timedelta,
) -> WaitsFor | None:
    """Say why a controller's update has to wait for another's.

    One at a time; the first of a kind goes alone, and the rest follow once it has run
    well for `soak`. What is to be tried there already is carried to its end first.
    """
    own = next((each for each in updates if each.controller == controller.id), None)
    if own is not None and own.step in UNDER_WAY - {Step.UPLOADING}:
        return WaitsFor.ANOTHER_UPDATE
    others = [
        each
        for each in updates
        if each.board == controller.board and each.controller != controller.id
    ]
    if any(each.step in UNDER_WAY for each in others):
        return WaitsFor.ANOTHER_UPDATE
    same = [each for each in others if each.image.hash == image.hash]
    good = [each for each in same if each.step is Step.CONFIRMED]
    if not same or any(now - each.at >= soak for each in good):
        return None
    return WaitsFor.FIRST_OF_ITS_KIND


def standing(update: Update, slots: Sequence[Slot]) -> Step:
    """Say from a controller's own word how far an update has come.

    Whatever was cut off, and wherever: its slots tell what it will do next.
    """
    here = next((slot for slot in slots if slot.hash == update.image.hash), None)
    if here is None:
        return Step.UPLOADING
    if here.active:
        return Step.CONFIRMED if here.confirmed else Step.CONFIRMING
    if here.pending:
        return Step.RESET
    # It lay there marked, the controller started, and it is not what runs.
    gone_back = update.step in {Step.RESET, Step.CONFIRMING, Step.REVERTED}
    return Step.REVERTED if gone_back else Step.UPLOADED
