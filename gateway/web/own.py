"""What belongs to whoever asks: a tenant's one lease, and where it is."""

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from devices.model.tasks import DoorEvent
from devices.ports import Houses, Journal, KeyRing
from enrolment.model.leases import Lease, LeaseId, Stage
from enrolment.ports import Leases
from porch.guard import session_of

# What a picture from a phone weighs at most, in bytes.
PICTURE_MAX = 12 * 1024 * 1024


def on() -> Response:
    """Send a tenant to the step that is next."""
    return RedirectResponse("/tenant", status_code=303)


async def own_lease(leases: Leases, request: Request) -> Lease:
    """Return the lease that a tenant's session is about."""
    return await leases.find(LeaseId(session_of(request).subject))


async def at_the_door(keys: KeyRing, journal: Journal, lease: Lease) -> dict[str, Any]:
    """Return a tenant's keys and his guests', and all his openings, for his export."""
    if lease.stage is Stage.ERASED:
        return {"keys": [], "events": []}
    held = [*keys.of(lease.tenant), *keys.issued_by(lease.tenant)]
    return {
        "keys": [(each, await keys.label(each)) for each in held],
        "events": await openings(keys, journal, lease, whole=True),
    }


async def openings(
    keys: KeyRing, journal: Journal, lease: Lease, *, whole: bool = False
) -> list[DoorEvent]:
    """Return what a tenant's keys did, and who else opened his doors; latest first."""
    doors = {door for key in keys.of(lease.tenant) for door in key.doors}
    mine = await journal.of(lease.tenant, whole=whole)
    others = await journal.of_others(doors, lease.starts, whole=whole)
    agreed = {(each.at, each.door) for each in mine}
    until = lease.left_at or lease.ends
    theirs = [
        each
        for each in others
        if each.at < until and (each.at, each.door) not in agreed
    ]
    return sorted([*mine, *theirs], key=lambda each: each.at, reverse=True)


async def place(houses: Houses, lease: Lease) -> dict[str, Any]:
    """Return a lease with its house and room, as pages show it."""
    rooms = await houses.rooms(lease.house)
    return {
        "lease": lease,
        "house": await houses.house(lease.house),
        "room": next(each for each in rooms if each.id == lease.room),
    }
