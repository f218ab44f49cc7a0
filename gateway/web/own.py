"""What belongs to whoever asks: a tenant's one lease, and where it is."""

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from devices.ports import Houses
from enrolment.model.leases import Lease, LeaseId
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


async def place(houses: Houses, lease: Lease) -> dict[str, Any]:
    """Return a lease with its house and room, as pages show it."""
    rooms = await houses.rooms(lease.house)
    return {
        "lease": lease,
        "house": await houses.house(lease.house),
        "room": next(each for each in rooms if each.id == lease.room),
    }
