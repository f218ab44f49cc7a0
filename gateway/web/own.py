"""What belongs to whoever asks: a tenant's one lease, and where it is."""

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

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
        "events": await journal.of(lease.tenant, whole=True),
    }


async def place(houses: Houses, lease: Lease) -> dict[str, Any]:
    """Return a lease with its house and room, as pages show it."""
    rooms = await houses.rooms(lease.house)
    return {
        "lease": lease,
        "house": await houses.house(lease.house),
        "room": next(each for each in rooms if each.id == lease.room),
    }
