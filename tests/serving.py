"""A station that serves, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from porch.app import Server, server
from station.wiring import Station, StationSettings


@asynccontextmanager
async def serving(settings: StationSettings) -> AsyncIterator[tuple[Station, Server]]:
    """Serve a station while a block runs; it begins once the address answers."""
    found = Station.open(settings)
    pages = server(found.app, settings.web)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pages.serve())
        while not pages.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield found, pages
        pages.should_exit = True
        await task
    found.book.close()
