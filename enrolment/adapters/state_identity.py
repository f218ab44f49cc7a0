"""The state's identity channel over HTTP, signed both ways (docs/state-identity.md)."""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx

from enrolment.model.documents import OutsideAnswer, Person
from enrolment.model.leases import RegistrationId

ANSWER_WITHIN = 8.0
ANSWER_MAX = 4096
SIGNATURE = "X-Lodge-Signature"
CLIENT = "X-Lodge-Client"
NONCE_BYTES = 16


def signature(key: bytes, body: bytes) -> str:
    """Return what a body is signed with: HMAC-SHA256 under the shared key, in hex."""
    return hmac.digest(key, body, sha256).hex()


@dataclass(frozen=True, slots=True)
class HttpStateIdentity:
    """Fulfils OutsideCheck; an answer that is not signed is no answer."""

    name: str
    url: str
    client: str
    key: bytes = field(repr=False)

    @property
    def there(self) -> bool:
        """Whether it is set up; it always is."""
        return True

    async def check(
        self, person: Person, code: str, registration: RegistrationId
    ) -> OutsideAnswer:
        del registration  # nothing of the lease goes to the state's channel
        nonce = secrets.token_hex(NONCE_BYTES)
        asked = {
            "v": 1,
            "nonce": nonce,
            "kind": person.kind.value,
            "name": person.name,
            "number": person.number,
            "code": code,
        }
        body = json.dumps(asked, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            CLIENT: self.client,
            SIGNATURE: signature(self.key, body),
        }
        try:
            async with httpx.AsyncClient(
                timeout=ANSWER_WITHIN, trust_env=False
            ) as client:
                address = f"{self.url}/v1/checks"
                response = await client.post(address, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return OutsideAnswer.NO_ANSWER
        return self._read(response, nonce)

    def _read(self, response: httpx.Response, nonce: str) -> OutsideAnswer:
        told = response.headers.get(SIGNATURE, "")
        body = response.content
        signed = hmac.compare_digest(told.encode(), signature(self.key, body).encode())
        if not response.is_success or not signed or len(body) > ANSWER_MAX:
            return OutsideAnswer.NO_ANSWER
        try:
            answer: dict[str, Any] = json.loads(body)
            fresh = answer["v"] == 1 and answer["nonce"] == nonce
            return OutsideAnswer(answer["result"]) if fresh else OutsideAnswer.NO_ANSWER
        except (ValueError, KeyError, TypeError):
            return OutsideAnswer.NO_ANSWER
