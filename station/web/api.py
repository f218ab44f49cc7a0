"""What boxes talk to: joining, and reports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from cloud_sync.signed import ServedKeys, SignedTime
from cloud_sync.wire import (
    LIMIT,
    WireError,
    bytes_of,
    pairing_signed,
    proof,
    text_of,
)
from ledger.attempts import Attempts
from porch.accounts import SOURCE
from porch.guard import route, source_of
from station.model import CodeUnknown
from station.service import Admitting, Intake
from station.web.failures import refusing

RAW = (Encoding.Raw, PublicFormat.Raw)
KEY_BYTES = 32


class Joining(BaseModel):
    """A box that asks to be admitted."""

    box: str = Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z-]+$")
    key: str = Field(max_length=60)
    tls: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    proof: str = Field(pattern="^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class BoxApi:
    """The routes that boxes use; a box proves itself by its signature or its code."""

    intake: Intake
    admitting: Admitting
    attempts: Attempts
    served: Callable[[], tuple[str, ...]]

    @route("POST", "/api/v1/reports", listed=True, body=LIMIT)
    async def report(self, request: Request) -> Response:
        """Take a sealed report (docs/registry-contract.md); answer with its receipt."""
        raw = await request.body()
        with refusing(raw, self.intake.keys, self.intake.clock):
            receipt = await self.intake.take(raw)
        return Response(receipt.encode(), media_type="application/json")

    @route("GET", "/api/v1/time", listed=True)
    async def time(
        self, nonce: Annotated[str, Query(pattern="^[0-9a-f]{32}$")]
    ) -> Response:
        """Say the time, signed, to a box that doubts its clock."""
        now = self.intake.clock.now().isoformat()
        told = SignedTime(nonce, now).by(self.intake.keys.signing)
        return Response(told.encode(), media_type="application/json")

    @route("GET", "/api/v1/tls", listed=True)
    async def tls(
        self, nonce: Annotated[str, Query(pattern="^[0-9a-f]{32}$")]
    ) -> Response:
        """Say, signed, by which TLS keys the station serves."""
        now = self.intake.clock.now().isoformat()
        told = ServedKeys(nonce, self.served(), now).by(self.intake.keys.signing)
        return Response(told.encode(), media_type="application/json")

    @route("POST", "/api/v1/pair", listed=True)
    async def pair(self, request: Request, joining: Joining) -> Response:
        """Let a box join by an officer's one-time code; prove to know it in return."""
        counted = (f"pair/source/{source_of(request)}", SOURCE)
        self.attempts.count(counted)
        key = bytes_of(joining.key)
        if len(key) != KEY_BYTES:
            raise WireError("key: expected 32 bytes")
        if joining.tls and joining.tls not in self.served():
            raise CodeUnknown("whoever the box met stands between it and us")
        told = (joining.box, key, joining.tls)
        admission = await self.admitting.join(told, joining.proof)
        self.attempts.good(counted)
        keys = self.admitting.keys
        signing = keys.signing.public_key().public_bytes(*RAW)
        sealing = keys.sealing.public_key().public_bytes(*RAW)
        return JSONResponse(
            {
                "signing": text_of(signing),
                "sealing": text_of(sealing),
                "proof": proof(admission.code, b"station", key, signing, sealing),
                "signature": text_of(
                    keys.signing.sign(pairing_signed(key, signing, sealing))
                ),
            }
        )
