"""The live board, and the boxes that report to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from porch.accounts import Role
from porch.guard import route, session_of
from porch.pages import Pages
from porch.sessions import Sessions
from station.model import Change
from station.ports import Occupancy
from station.rules import board
from station.service import Admitting

QUIET = 5.0
WAITING_MAX = 100
May = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Announcements:
    """Tells every open board of a change; a slow one misses it and reads again."""

    listeners: set[asyncio.Queue[Change]] = field(default_factory=set)

    def announce(self, change: Change) -> None:
        """Tell all listeners, without waiting for any."""
        for listener in self.listeners:
            if not listener.full():
                listener.put_nowait(change)

    async def stream(self, may: May) -> AsyncIterator[str]:
        """Yield server-sent events until the reader goes away, or may no longer."""
        queue: asyncio.Queue[Change] = asyncio.Queue(WAITING_MAX)
        self.listeners.add(queue)
        try:
            yield "event: open\ndata: {}\n\n"
            while await may():
                try:
                    async with asyncio.timeout(QUIET):
                        change = await queue.get()
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                told = {**asdict(change), "kind": change.kind.value}
                yield f"event: occupancy\ndata: {json.dumps(told)}\n\n"
        finally:
            self.listeners.discard(queue)


@dataclass(frozen=True, slots=True)
class Board:
    """What an officer sees."""

    pages: Pages
    occupancy: Occupancy
    admitting: Admitting
    announcements: Announcements
    sessions: Sessions

    @route("GET", "/", Role.OFFICER)
    async def board(self, request: Request) -> Response:
        """Show who is registered as living where; that an officer looked is kept."""
        await self.admitting.looked(session_of(request).subject, "board")
        return self.pages.show(request, "board.html", await self._houses())

    @route("GET", "/board/houses", Role.OFFICER)
    async def houses(self, request: Request) -> Response:
        """Show the houses alone, to be put into an open board."""
        return self.pages.show(request, "houses.html", await self._houses())

    @route("GET", "/api/v1/occupancy/events", Role.OFFICER, listed=True)
    async def events(self, request: Request) -> StreamingResponse:
        """Stream every change of occupancy as it is received (server-sent events)."""

        async def may() -> bool:
            return await self.sessions.find(request) is not None

        return StreamingResponse(
            self.announcements.stream(may),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @route("GET", "/boxes", Role.OFFICER)
    async def boxes(self, request: Request) -> Response:
        """Show the boxes that report here, and how to admit another."""
        return self.pages.show(request, "boxes.html", await self._boxes())

    @route("POST", "/boxes", Role.OFFICER)
    async def admit(
        self, request: Request, label: Annotated[str, Form(max_length=60)]
    ) -> Response:
        """Issue a one-time code for a box."""
        admission = await self.admitting.admit(label, session_of(request).subject)
        context = {**await self._boxes(), "admission": admission}
        return self.pages.show(request, "boxes.html", context)

    @route("POST", "/boxes/{box}/revoke", Role.OFFICER, fresh=True)
    async def revoke(self, request: Request, box: str) -> Response:
        """Take nothing from a box any more; what it reported stays as it is."""
        await self.admitting.revoke(box, session_of(request).subject)
        return RedirectResponse("/boxes", status_code=303)

    @route("POST", "/boxes/{box}/addresses", Role.OFFICER)
    async def confirm(
        self,
        request: Request,
        box: str,
        area: Annotated[str, Form(max_length=6)],
        addr: Annotated[str, Form(max_length=100)],
    ) -> Response:
        """Let a box report a house that another one reports as well."""
        by = session_of(request).subject
        await self.admitting.share(box, (area, addr), by)
        return RedirectResponse("/boxes", status_code=303)

    async def _houses(self) -> dict[str, object]:
        occupants = await self.occupancy.every()
        return {
            "houses": board(occupants),
            "count": len(occupants),
            "moment": timedelta(seconds=1),
        }

    async def _boxes(self) -> dict[str, object]:
        return {
            "boxes": await self.admitting.every(),
            "held": await self.admitting.held(),
            "fingerprint": self.admitting.keys.fingerprint,
            "admission": None,
        }
