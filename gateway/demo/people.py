"""Landlord, tenant and officer, clicking through the real pages."""

import asyncio
import html
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import pyotp

WITHIN = 60.0
BROWSER = {"Accept": "text/html", "Accept-Language": "en"}


class StoryBroken(Exception):
    """The story did not go as it must; the text says where."""


@dataclass(slots=True)
class Browser:
    """A person's browser: cookies, forms, and how often he had to send one."""

    client: httpx.AsyncClient
    sent: int = 0
    secret: str = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator[Self]:
        """Open a browser at an address."""
        async with httpx.AsyncClient(
            base_url=address,
            headers={**BROWSER, "Origin": address},
            follow_redirects=True,
            timeout=WITHIN,
            trust_env=False,
        ) as client:
            yield cls(client)

    async def look(self, path: str) -> str:
        """Return the text of a page."""
        response = await self.client.get(path)
        return html.unescape(response.text)

    async def send(
        self,
        path: str,
        told: dict[str, str],
        files: dict[str, bytes] | None = None,
        *,
        refused: int | None = None,
    ) -> str:
        """Send a form; return the page that follows, or that refuses as expected."""
        parts = {name: (f"{name}.jpg", raw) for name, raw in (files or {}).items()}
        response = await self.client.post(path, data=told, files=parts or None)
        if 'action="/account/confirm"' in response.text:  # says nothing of the form
            raise StoryBroken(f"{path} asks for the password once more")
        if refused is None:
            self.sent += 1
            if response.is_error:
                raise StoryBroken(f"{path} answered {response.status_code}")
        elif response.status_code != refused:
            raise StoryBroken(f"{path} answered {response.status_code}, not {refused}")
        return html.unescape(response.text)

    async def until(self, path: str, pattern: str) -> str:
        """Look at a page again and again until it says something."""
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    match = re.search(pattern, await self.look(path))
                    if match:
                        return match.group(match.lastindex or 0)
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise StoryBroken(f"{path} never said {pattern}") from error

    async def begin(self, name: str, code: str) -> str:
        """Set a password with a set-up code, and a second factor; return the password.

        An officer has to have one; `secret` is what his app would hold.
        """
        password = secrets.token_urlsafe(12)
        told = {"name": name, "code": code, "password": password}
        page = await self.send("/set-up", told)
        if (secret := re.search(r'id="secret">([A-Z2-7]+)<', page)) is not None:
            self.secret = secret[1]
            code = pyotp.TOTP(self.secret).now()
            await self.send("/account/factor", {"secret": self.secret, "code": code})
        self.sent = 0
        return password


def found(pattern: str, page: str) -> str:
    """Return what a page says, or break the story."""
    match = re.search(pattern, page)
    if match is None:
        raise StoryBroken(f"the page never said {pattern}")
    return match.group(match.lastindex or 0)


@dataclass(slots=True)
class Listener:
    """An officer's open board: the events as they come, and when each came."""

    events: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, browser: Browser) -> None:
        """Take events until cancelled, or until the station ends the stream."""
        path = "/api/v1/occupancy/events"
        try:
            async with browser.client.stream("GET", path, timeout=None) as response:
                self.ready.set()
                async for line in response.aiter_lines():
                    if line.startswith("data: {") and line != "data: {}":
                        now = datetime.now(UTC)  # noqa: TID251 - a person's own watch
                        self.events.append(
                            (now, json.loads(line.removeprefix("data: ")))
                        )
        except httpx.HTTPError:
            return

    async def next(self, kind: str) -> tuple[datetime, dict[str, Any]]:
        """Return the next event of a kind, with the instant at which it came."""
        async with asyncio.timeout(WITHIN):
            while True:
                for at, event in self.events:
                    if event["kind"] == kind:
                        return at, event
                await asyncio.sleep(0.02)
