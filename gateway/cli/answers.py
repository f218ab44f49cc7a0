"""How every verb answers: JSON or text, exit codes 0 yes, 1 no, 2 unusable."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.errors import LedgerError
from porch.errors import AlreadyRunning, ConfigUnusable

NO = 1
UNUSABLE = 2
WITHIN = 30.0

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Config = Annotated[
    Path, typer.Option("--config", help="The config file.", envvar="LODGE_CONFIG")
]
Reset = Annotated[
    bool, typer.Option("--reset", help="A new set-up code for a lost password.")
]
Disable = Annotated[
    bool | None,
    typer.Option("--disable/--enable", help="Shut the account out; let it in."),
]


def account_line(told: dict[str, Any]) -> str:
    """Say what became of an account."""
    if "code" in told:
        return f"{told['name']}: set-up code {told['code']}"
    return f"{told['name']}: {'disabled' if told['disabled'] else 'enabled'}"


def tell(told: Any, *, as_json: bool, text: Callable[[], str] | None = None) -> None:
    """Print an answer, as JSON or for a person."""
    if as_json or text is None:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo(text())


def refuse(reason: str) -> typer.Exit:
    """Say on stderr what cannot be used; raise what is returned."""
    typer.echo(f"lodge: {reason}", err=True)
    return typer.Exit(UNUSABLE)


@contextmanager
def usable() -> Iterator[None]:
    """Turn what makes a verb impossible into one line and exit code 2."""
    try:
        yield
    except (ConfigUnusable, AlreadyRunning, LedgerError) as error:
        raise refuse(str(error)) from error
    except FileExistsError as error:
        raise refuse(f"{error.filename}: is there already; choose another") from error
    except OSError as error:
        name = error.filename or "a file"
        raise refuse(f"{name}: {error.strerror or 'cannot be used'}") from error


def ask_running(
    socket: Path, path: str, told: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Say something to the running program, or only ask; return its answer."""
    import httpx  # noqa: PLC0415 - most verbs ask nobody, and start without it

    transport = httpx.HTTPTransport(uds=str(socket))
    try:
        with httpx.Client(transport=transport, timeout=WITHIN) as client:
            method = "GET" if told is None else "POST"
            response = client.request(method, f"http://lodge{path}", json=told)
    except (httpx.ReadError, httpx.RemoteProtocolError) as error:
        raise refuse(
            f"{socket.name}: you may not; ask as root, as who runs it, or join its "
            "control_group"
        ) from error
    except httpx.TransportError as error:
        raise refuse(f"{socket.name}: not running; start it first") from error
    try:
        answer: dict[str, Any] = response.json()
    except ValueError as error:
        raise refuse(
            f"the program failed ({response.status_code}); see its log"
        ) from error
    if response.is_error:
        typer.echo(f"lodge: {answer.get('detail', 'refused')}", err=True)
        sys.exit(NO if response.status_code < 422 else UNUSABLE)  # noqa: PLR2004
    return answer
