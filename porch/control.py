"""The Unix socket by which verbs speak to a running program, and who may.

Root, whoever the program runs as, and one configured group; each verb that changes
something is in the audit chain with the account that said it before it is done.
"""

import asyncio
import fcntl
import grp
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from ledger.book import Book
from ledger.errors import LedgerError, LedgerUnavailable, Unkeepable
from porch.accounts import AccountExists, Accounts, NoSuchAccount, Role
from porch.app import SERVES, Unsignalled
from porch.errors import AlreadyRunning, ConfigUnusable

PEER = struct.Struct("3i")
ANSWERS_WITHIN = 1.0
READS = {"GET", "HEAD"}


@contextmanager
def only_one(database: Path) -> Iterator[None]:
    """Be the only program on a ledger; raise AlreadyRunning where there is another.

    Taken before anything else is touched, and gone with the process, however it ends.
    """
    path = database.with_name(f"{database.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "rb+") as file:
        path.chmod(0o600)  # a lock that others can open they can hold
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(
                f"{database}: another program runs on it; end that one first"
            ) from error
        yield


@dataclass(frozen=True, slots=True)
class Admitted:
    """Which accounts of this machine may speak to the program."""

    uids: frozenset[int] = field(default_factory=lambda: frozenset({0, os.geteuid()}))
    gid: int | None = None

    @classmethod
    def of(cls, group: str) -> "Admitted":
        """Admit a group as well, by its name; raise ConfigUnusable."""
        if not group:
            return cls()
        try:
            return cls(gid=grp.getgrnam(group).gr_gid)
        except KeyError as error:
            raise ConfigUnusable(
                f"control_group: there is no group {group}; `addgroup {group}`"
            ) from error

    def admits(self, uid: int, gid: int) -> bool:
        """Say whether an account may speak, as the kernel says who it is."""
        if uid in self.uids:
            return True
        if self.gid is None or uid < 0:
            return False
        with suppress(KeyError):
            return self.gid in os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
        return self.gid == gid


def peer_of(found: socket.socket) -> tuple[int, int]:
    """Return user and group of who connected, as the kernel knows them."""
    told = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    _, uid, gid = PEER.unpack(told)
    return uid, gid


def bind(path: Path, admitted: Admitted) -> socket.socket:
    """Listen on a path that nobody else can reach, not for a moment.

    Raises AlreadyRunning where somebody answers there.
    """
    _no_one_answers(path)
    mode, folder = (0o600, 0o700) if admitted.gid is None else (0o660, 0o750)
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700)
    holds = path.parent.stat()
    ours = holds.st_uid == os.geteuid() and not holds.st_mode & 0o007
    if admitted.gid is not None and ours:
        os.chown(path.parent, -1, admitted.gid)
        path.parent.chmod(folder)
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        found.bind(str(path))
        found.listen()  # at once: who looks whether somebody answers finds us
    except OSError:
        found.close()
        raise
    finally:
        os.umask(before)
    if admitted.gid is not None:
        os.chown(path, -1, admitted.gid)
        path.chmod(mode)
    return found


def _no_one_answers(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWERS_WITHIN)
        try:
            asking.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return
        except OSError as error:
            raise AlreadyRunning(f"{path}: {error.strerror}") from error
    raise AlreadyRunning(f"{path}: another program listens there; end it first")


class _Protocol(H11Protocol):
    """Uvicorn's HTTP for those who may; others are cut off unheard."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        assert isinstance(self.config, _Config)  # noqa: S101 - made by `control_server`
        uid, gid = peer_of(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, "uid": uid}
        if not self.config.admitted.admits(uid, gid):
            transport.abort()


class _Config(uvicorn.Config):
    """Uvicorn's settings, and who may speak."""

    admitted: Admitted


class ControlServer(Unsignalled):
    """Serves the control socket."""

    def __init__(self, config: _Config, path: Path) -> None:
        super().__init__(config)
        self._path, self._admitted = path, config.admitted

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until cancelled; the socket goes with it."""
        listening = sockets or [bind(self._path, self._admitted)]
        await super().serve(listening)


def control_server(app: FastAPI, path: Path, group: str) -> ControlServer:
    """Return a server for an application on a Unix socket."""
    config = _Config(app, http=_Protocol, **SERVES)
    config.admitted = Admitted.of(group)
    return ControlServer(config, path)


def control(title: str, book: Book, salt: bytes) -> FastAPI:
    """Return an application for the control socket; what changes something is noted."""
    app = FastAPI(title=title, openapi_url=None, docs_url=None, redoc_url=None)

    @app.exception_handler(LedgerError)
    async def refused(_request: Request, error: Exception) -> Response:
        status = 422 if isinstance(error, Unkeepable) else 503
        return JSONResponse({"detail": str(error)}, status_code=status)

    @app.middleware("http")
    async def noted(
        request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.method not in READS:
            await _note(book, salt, request.state.uid, request.url.path)
        return await go_on(request)

    return app


async def _note(book: Book, salt: bytes, uid: Any, path: str) -> None:
    """Keep which account says what; a full disk shuts no door."""
    with suppress(LedgerUnavailable):
        async with book.page() as page:
            page.note(f"control/{uid}{path}"[:80], path.encode(), salt)


class Named(BaseModel):
    """An account: a new one, a new code for one, or its rest."""

    name: str = Field(min_length=1, max_length=60)
    reset: bool = False
    disabled: bool | None = None


async def keep_account(accounts: Accounts, role: Role, told: Named) -> dict[str, Any]:
    """Make an account, give it a new set-up code, or shut it out, or let it in."""
    try:
        if told.disabled is not None:
            await accounts.rest(told.name, role, disabled=told.disabled)
            return {"name": told.name, "disabled": told.disabled}
        act = accounts.reset if told.reset else accounts.add
        return {"name": told.name, "code": await act(told.name, role)}
    except AccountExists as error:
        raise HTTPException(409, str(error)) from error
    except NoSuchAccount as error:
        raise HTTPException(404, str(error)) from error
