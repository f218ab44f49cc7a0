"""The station as a registry: HTTP out, signed receipts back."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.line import ANSWER_WITHIN, StationLine
from cloud_sync.adapters.pairing import ACCEPTED, Pairing, served_keys
from cloud_sync.model import Answer, Dispatch, NotPaired, Outcome, StrangeKey
from cloud_sync.signed import Receipt, Refusal, SignedTime
from cloud_sync.wire import Addressee, WireError, digest, seal

LATER = {429, 503}
REASON_MAX = 200
UNKNOWN_BOX = "box_unknown"
# How often a station is asked which TLS keys are its own: one it gave up is let go.
KEYS_ASKED = 24 * 3600.0
# What stands for no answer, of whatever kind.
NO_ANSWER = (httpx.HTTPError, httpx.InvalidURL, WireError, NotPaired, StrangeKey)


@dataclass(slots=True)
class StationRegistry:
    """Fulfils Registry over a station's intake."""

    key: Ed25519PrivateKey
    pairing: Pairing | None = None
    profile: str = "police"
    answer_within: float = ANSWER_WITHIN
    keep: Callable[[Pairing], Awaitable[None]] | None = None
    _line: StationLine | None = field(default=None, repr=False)
    _keys_asked: float | None = None

    async def send(self, dispatch: Dispatch) -> Answer:
        if self.pairing is None:
            return Answer(Outcome.LATER, "not paired with a station")
        place = (dispatch.key, dispatch.sequence)
        to = Addressee(self.pairing.sealing)
        asked = seal(dispatch.report, place, to, self.key).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(dispatch.key),
        }
        try:
            response = await self.ask(
                "POST", "/api/v1/reports", content=asked, headers=headers
            )
        except httpx.ConnectError:
            return Answer(Outcome.LATER, "the station cannot be reached")
        except StrangeKey as error:
            return Answer(Outcome.LATER, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, WireError) as error:
            return Answer(Outcome.UNKNOWN, f"no answer: {type(error).__name__}")
        return self._read(dispatch, asked, response)

    async def time(self) -> datetime | None:
        """Ask the station for the time; None where it gives no signed answer."""
        if self.pairing is None:
            return None
        nonce, signing = secrets.token_hex(16), self.pairing.signing
        try:
            response = await self.ask("GET", "/api/v1/time", params={"nonce": nonce})
            return SignedTime.decode(response.content, nonce, signing)
        except NO_ANSWER:
            return None

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the station; whoever holds none of its TLS keys is told nothing.

        Raises one of NO_ANSWER; StrangeKey says that somebody else answers there.
        """
        pairing = self.pairing
        if pairing is None:
            raise NotPaired("not paired with a station")
        if self._line is None:
            self._line = StationLine(self._expected, self.answer_within)
        now = asyncio.get_running_loop().time()
        if self._keys_asked is None or now - self._keys_asked > KEYS_ASKED:
            await self._succeed(pairing)
            self._keys_asked = now
        url = f"{pairing.url}{path}"
        try:
            return await self._line.ask(method, url, **more)
        except httpx.ConnectError:
            if not self._line.tls.strange:
                raise
        # Nothing was said yet: who met us may hold a successor of the key we know.
        await self._succeed(pairing)
        return await self._line.ask(method, url, **more)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._line is not None:
            await self._line.close()

    def _expected(self) -> tuple[str, ...]:
        return self.pairing.tls if self.pairing else ()

    async def _succeed(self, pairing: Pairing) -> None:
        """Take the TLS keys that the station signs for now in the place of the old.

        Raises StrangeKey where it does not say, whoever it is that does not.
        """
        try:
            tls = await served_keys(pairing.url, pairing.signing)
        except httpx.ConnectError:
            raise
        except (httpx.HTTPError, WireError) as error:
            raise StrangeKey("the station does not name its TLS keys") from error
        if tls == pairing.tls or self.pairing is not pairing:
            return
        self.pairing = replace(pairing, tls=tls)
        if self.keep is not None:
            await self.keep(self.pairing)

    def refusal(self, asked: bytes, response: httpx.Response) -> Refusal:
        """Read the station's own no to what it was asked; raise WireError."""
        if self.pairing is None:
            raise WireError("not paired with a station")
        try:
            told = response.json()
        except (ValueError, RecursionError) as error:
            raise WireError("not a problem document") from error
        signed = told.get("refusal") if isinstance(told, dict) else None
        return Refusal.read(signed, asked, self.pairing.signing)

    def _read(
        self, dispatch: Dispatch, asked: bytes, response: httpx.Response
    ) -> Answer:
        if response.status_code in ACCEPTED:
            return self._receipt(dispatch, response.content)
        if response.status_code in LATER:
            pause = response.headers.get("Retry-After", "")
            seconds = float(pause) if pause.isdecimal() else None
            reason = _problem(response)
            return Answer(Outcome.LATER, reason, pause=seconds)
        if response.is_client_error:
            return self._refused(asked, response)
        return Answer(Outcome.UNKNOWN, f"the station failed ({response.status_code})")

    def _refused(self, asked: bytes, response: httpx.Response) -> Answer:
        """Believe a no that the station signed; whose any other is, nobody knows."""
        try:
            refused = self.refusal(asked, response)
        except WireError as error:
            return Answer(Outcome.UNKNOWN, f"refused, unsigned: {error}")
        if refused.kind == UNKNOWN_BOX:
            return Answer(Outcome.LATER, _problem(response))  # it may be admitted again
        return Answer(Outcome.REJECTED, _problem(response))

    def _receipt(self, dispatch: Dispatch, content: bytes) -> Answer:
        assert self.pairing is not None  # noqa: S101 - asked before sending
        try:
            receipt = Receipt.decode(content, self.pairing.signing)
        except WireError as error:
            return Answer(Outcome.UNKNOWN, f"no valid receipt: {error}")
        if receipt.key != dispatch.key or receipt.report != digest(dispatch.report):
            return Answer(Outcome.UNKNOWN, "the receipt is for another report")
        told_at = datetime.fromisoformat(receipt.received_at)
        return Answer(Outcome.ACCEPTED, receipt=content, told_at=told_at)


def _problem(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except (ValueError, RecursionError):
        return f"refused ({response.status_code})"
    fields = problem.get("errors") if isinstance(problem, dict) else None
    names = [str(each.get("field")) for each in fields or [] if isinstance(each, dict)]
    title = problem.get("title", "") if isinstance(problem, dict) else ""
    return f"{title} {', '.join(names)}".strip()[:REASON_MAX]
