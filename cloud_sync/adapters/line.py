"""HTTP to a station: it is known by its TLS key, and not heard without end."""

import asyncio
import re
import ssl
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography import x509

from cloud_sync.signed import key_name
from cloud_sync.wire import LIMIT, WireError

ANSWER_WITHIN = 5.0
# Seconds, as a station says them; a date, or what nobody can wait for, is passed over.
PAUSE = re.compile(r"[0-9]{1,6}")
# The names of the keys that may answer; None where any may, and is only looked at.
Expected = Callable[[], Collection[str] | None]


class _Pinned(ssl.SSLObject):
    """One side of a connection, which ends before a word where the key is another."""

    def do_handshake(self) -> None:
        """Shake hands, and look at the key that was shown."""
        super().do_handshake()
        assert isinstance(self.context, PinnedTLS)  # noqa: S101 - made by it
        self.context.look(self.getpeercert(binary_form=True))


class PinnedTLS(ssl.SSLContext):
    """Takes whoever holds one of the expected keys, whatever his certificate says.

    `met` is the name of the last key that was shown.
    """

    sslobject_class = _Pinned
    expected: Expected
    met: str | None = None

    def __new__(cls, expected: Expected) -> Self:
        """Make a context; it asks `expected` at each handshake."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.expected = expected
        return made

    @property
    def strange(self) -> bool:
        """Whether the last key that was shown is none that is expected."""
        met, expected = self.met, self.expected()
        return met is not None and expected is not None and met not in expected

    def look(self, certificate: bytes | None) -> None:
        """Look at what was shown; raise SSLCertVerificationError if it is strange."""
        try:
            self.met = key_name(x509.load_der_x509_certificate(certificate or b""))
        except Exception as error:
            # Whatever a parser makes of what anybody may show.
            self.met = ""
            raise ssl.SSLCertVerificationError("not a certificate") from error
        if self.strange:
            raise ssl.SSLCertVerificationError("not the key that is expected")


class StationLine:
    """Asks a station; whoever shows none of the expected keys hears no word."""

    def __init__(self, expected: Expected, within: float = ANSWER_WITHIN) -> None:
        self.tls = PinnedTLS(expected)
        self._within = within
        self._client = httpx.AsyncClient(
            timeout=within,
            verify=self.tls,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    async def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Ask, and return what was answered: its status, body and `Retry-After`.

        Raises httpx.HTTPError, also where the answer takes too long; httpx.InvalidURL;
        WireError where it is longer than any may be.
        """
        told = bytearray()
        try:
            async with (
                asyncio.timeout(self._within),
                self._client.stream(method, url, **more) as response,
            ):
                async for part in response.aiter_raw():
                    told += part
                    if len(told) > LIMIT:
                        raise WireError(f"an answer of more than {LIMIT} bytes")
        except TimeoutError as error:
            raise httpx.ReadTimeout("no whole answer in time") from error
        pause = response.headers.get("Retry-After", "")
        kept = {"Retry-After": pause} if PAUSE.fullmatch(pause) else {}
        return httpx.Response(response.status_code, headers=kept, content=bytes(told))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Keep the line while a block runs."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the line."""
        await self.close()
