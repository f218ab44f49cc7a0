"""A simulated state identity channel: it knows people, and gives them codes.

How it is served: docs/state-identity.md.
"""

import hmac
import json
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enrolment.model.documents import OutsideAnswer
from ledger.keys import read_secret

CODE_DIGITS = 8
SIGNATURE = "X-Lodge-Signature"


@dataclass(slots=True)
class StateRegister:
    """Names by number, and each person's one-time code from his own app."""

    key: bytes = field(repr=False)
    people: dict[str, str] = field(repr=False)
    codes: dict[str, str] = field(default_factory=dict, repr=False)
    asked: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def code(self, number: str) -> str:
        """Give a person a code, as his app does once it has seen him."""
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self.codes[code] = number
        return code

    def answer(self, asked: dict[str, Any]) -> OutsideAnswer:
        """Say whether name and number are whose code it is; a code is good once."""
        self.asked.append(asked)
        whose = self.codes.pop(asked["code"], None)
        if whose is None:
            return OutsideAnswer.CODE_WRONG
        good = whose == asked["number"] and self.people.get(whose) == asked["name"]
        return OutsideAnswer.MATCH if good else OutsideAnswer.MISMATCH

    def signed(self, body: bytes) -> str:
        """Return what a body is signed with."""
        return hmac.new(self.key, body, "sha256").hexdigest()

    @property
    def app(self) -> Starlette:
        """The channel's two addresses: the box's, and the person's app."""

        async def check(request: Request) -> Response:
            body = await request.body()
            told = request.headers.get(SIGNATURE, "")
            if not secrets.compare_digest(told, self.signed(body)):
                return Response(status_code=403)
            asked = json.loads(body)
            answer = {"v": 1, "nonce": asked["nonce"]}
            answer["result"] = self.answer(asked).value
            raw = json.dumps(answer).encode()
            return Response(raw, headers={SIGNATURE: self.signed(raw)})

        async def code(request: Request) -> Response:
            number = (await request.json())["number"]
            return JSONResponse({"code": self.code(number)})

        return Starlette(
            routes=[
                Route("/v1/checks", check, methods=["POST"]),
                Route("/app/codes", code, methods=["POST"]),
            ]
        )


def main() -> None:
    """Serve the simulator."""
    _, port, key, *people = sys.argv
    known = dict(each.split("=", 1) for each in people)
    register = StateRegister(read_secret(Path(key)), known)
    uvicorn.run(register.app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
