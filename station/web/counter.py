"""The counter: an officer has seen somebody with his document, and gives him a code."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from cloud_sync.wire import LIMIT, Envelope
from ledger.attempts import Attempts, Limit
from porch.accounts import Role
from porch.guard import route
from porch.pages import Pages
from station.model import Claim
from station.service import Counter
from station.web.failures import refusing

# What all tenants of a box may try together.
OF_BOX = Limit(free=20, longest=timedelta(minutes=5), forgives=timedelta(minutes=3))
# A court's paper, by what it orders of a tenant.
COURT = ("COURT_END", "COURT_FREEZE", "COURT_HOLD")
# The kinds of document that a report may name, and a court's paper.
KINDS = ("RIC", "PP", "HM", "TW", "HMT", "PRC", *COURT)


class Shown(BaseModel):
    """What the officer reads on the document before him."""

    name: str = Field(min_length=1, max_length=60)
    kind: str = Field(
        pattern="^(RIC|PP|HM|TW|HMT|PRC|COURT_END|COURT_FREEZE|COURT_HOLD)$"
    )
    number: str = Field(min_length=5, max_length=30)


@dataclass(frozen=True, slots=True)
class CounterPages:
    """What an officer does at the counter, and what a box asks of it."""

    pages: Pages
    counter: Counter
    attempts: Attempts

    @route("GET", "/counter", Role.OFFICER)
    async def form(self, request: Request) -> Response:
        """Ask whom the officer has before him."""
        return self.pages.show(request, "counter.html", {"kinds": KINDS, "seen": None})

    @route("POST", "/counter", Role.OFFICER)
    async def see(self, request: Request, told: Annotated[Shown, Form()]) -> Response:
        """Give a code for him; what was typed is not kept."""
        seen = await self.counter.see(Claim(told.kind, told.name, told.number))
        return self.pages.show(request, "counter.html", {"kinds": KINDS, "seen": seen})

    @route("POST", "/api/v1/counter", listed=True, body=LIMIT)
    async def ask(self, request: Request) -> Response:
        """Tell a box whether a person was seen here (docs/registry-contract.md)."""
        raw = await request.body()
        with refusing(raw, self.counter.keys, self.counter.clock):
            envelope = Envelope.decode(raw)
            asked = await self.counter.asked(envelope)  # only a box of ours is counted
            counted = (f"counter/{envelope.key.box}", OF_BOX)
            self.attempts.count(counted)
            receipt = await self.counter.confirm(envelope, asked)
        self.attempts.good(counted)
        return Response(receipt.encode(), media_type="application/json")
