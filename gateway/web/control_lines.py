"""What `lodge devices` says to the running box."""

from typing import Any, Protocol

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from devices.model.errors import DevicesError


class Lines(Protocol):
    """The serial lines of the box."""

    async def states(self) -> list[dict[str, Any]]: ...
    async def replace(self, reader: str) -> None: ...


class Lined(Protocol):
    """A box that may have serial lines."""

    @property
    def lines(self) -> Lines | None: ...


class OneReader(BaseModel):
    """Which reader, as `lodge devices ls` names it."""

    reader: str = Field(min_length=1, max_length=60)


def add_lines(app: FastAPI, box: Lined) -> None:
    """Add what may be asked of the lines."""

    @app.get("/readers")
    async def readers() -> dict[str, Any]:
        return {"readers": [] if box.lines is None else await box.lines.states()}

    @app.post("/readers/replace")
    async def replace(told: OneReader) -> dict[str, str]:
        if box.lines is None:
            raise HTTPException(404, "this box has no serial lines in its config")
        try:
            await box.lines.replace(told.reader)
        except DevicesError as error:
            raise HTTPException(404, str(error)) from error
        return {"reader": told.reader}
