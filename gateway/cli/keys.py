"""Verbs of e-keys and their tokens."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from devices.model.errors import TokenUnfit
from devices.model.keys import KeyKind
from devices.model.places import DoorId
from gateway.cli.answers import Config, Json, ask_running, refuse, tell, usable
from gateway.cli.box import CONFIG

app = typer.Typer(no_args_is_help=True, help="E-keys and their tokens.")
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.")]
Holder = Annotated[
    str, typer.Option(help="Public key of the phone that is to hold a token, in hex.")
]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@app.command("ls")
def ls(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """List the keys and their state."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415 - each verb its own
    from gateway.wiring.readers import list_keys  # noqa: PLC0415

    with usable():
        found = list_keys(LodgeSettings.load(config))

    def text() -> str:
        return "\n".join(
            f"{each['key']}\t{each['kind']}\t{each['state']}\t{each['end']}"
            for each in found
        )

    tell(found, as_json=as_json, text=text)


@app.command()
def show(key: KeyArgument, config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Show one key: window, doors, and what each lock holds of it."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415
    from gateway.wiring.readers import list_keys  # noqa: PLC0415

    with usable():
        found = [k for k in list_keys(LodgeSettings.load(config)) if k["key"] == key]
    if not found:
        raise refuse("there is no such key; see `lodge key ls`")
    tell(found[0], as_json=as_json, text=lambda: _lines(found[0]))


@app.command()
def issue(  # noqa: PLR0913, PLR0917 - each is an option of the verb
    label: Annotated[str, typer.Argument(help="For whom; only the landlord sees it.")],
    doors: Annotated[list[str], typer.Option("--door", help="Id of a door.")],
    end: Annotated[datetime, typer.Option(help="Until when.")],
    start: Annotated[datetime | None, typer.Option(help="From when; now.")] = None,
    kind: Annotated[KeyKind, typer.Option()] = KeyKind.VISIT,
    hours: Annotated[
        str, typer.Option(help="Of a recurring key, as tue,thu/09:00-11:00.")
    ] = "",
    holder: Holder = "",
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Issue a key to somebody who does not live there; prints its PIN."""
    told = {
        "label": label,
        "doors": doors,
        "kind": kind.value,
        "start": _instant(start or datetime.now(UTC)),  # noqa: TID251 - a default
        "end": _instant(end),
        "holder": holder,
        **_hours(hours),
    }
    answer = _ask(config, "/key/issue", told)
    tell(answer, as_json=as_json, text=lambda: _lines(answer))


@app.command()
def token(
    key: KeyArgument,
    holder: Holder,
    config: Config = CONFIG,
    *,
    as_json: Json = False,
) -> None:
    """Bind a key to a phone, as after a lost one; prints token and root."""
    answer = _ask(config, "/key/token", {"key": key, "holder": holder})
    tell(answer, as_json=as_json, text=lambda: _lines(answer))


@app.command()
def freeze(key: KeyArgument, config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Stop a key for a while; a resident's only with his word."""
    answer = _ask(config, "/key/freeze", {"key": key})
    tell(answer, as_json=as_json, text=lambda: _lines(answer))


@app.command()
def thaw(key: KeyArgument, config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Let a frozen key work again."""
    answer = _ask(config, "/key/thaw", {"key": key})
    tell(answer, as_json=as_json, text=lambda: _lines(answer))


@app.command()
def revoke(key: KeyArgument, config: Config = CONFIG, *, as_json: Json = False) -> None:
    """End a key for ever; a resident's only with his word."""
    answer = _ask(config, "/key/revoke", {"key": key})
    tell(answer, as_json=as_json, text=lambda: _lines(answer))


@app.command()
def holder(path: Path, *, as_json: Json = False) -> None:
    """Make a holder's key in a file, as a phone does; prints its public half."""
    from gateway.wiring.tokens import make_holder  # noqa: PLC0415

    with usable():
        answer = {"holder": make_holder(path)}
    tell(answer, as_json=as_json, text=lambda: answer["holder"])


@app.command()
def narrow(  # noqa: PLR0913 - each is an option of the verb
    token: Annotated[str, typer.Argument(help="The token, in hex.")],
    root: Annotated[str, typer.Option(help="Its root, in hex.")],
    mine: Annotated[Path, typer.Option(help="The file of the holder's own key.")],
    guest: Annotated[str, typer.Option(help="The guest's public key, in hex.")],
    doors: Annotated[list[str], typer.Option("--door", help="Id of a door.")],
    end: Annotated[datetime, typer.Option(help="Until when.")],
    *,
    as_json: Json = False,
) -> None:
    """Narrow a token for a guest; needs neither network nor box."""
    from gateway.wiring.tokens import narrowed  # noqa: PLC0415

    now = datetime.now(UTC)  # noqa: TID251 - a phone's own clock
    window = (now, end.astimezone(UTC))
    if window[1] <= now:
        raise refuse("--end: a guest's key must end after now")
    with usable():
        try:
            whole = (bytes.fromhex(token), bytes.fromhex(root))
            known = bytes.fromhex(guest)
            named = [DoorId(door) for door in doors]
            cut = narrowed(whole, mine, known, window, named)
        except (ValueError, TokenUnfit) as error:
            raise refuse(f"token, root or guest cannot be used: {error}") from error
    answer = {"token": cut.hex(), "root": root}
    tell(answer, as_json=as_json, text=lambda: answer["token"])


def _ask(config: Path, path: str, told: dict[str, Any]) -> dict[str, Any]:
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        return ask_running(settings.at(settings.socket), path, told)


def _instant(at: datetime) -> str:
    return at.astimezone().isoformat()


def _hours(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        days, clock = text.split("/")
        opens, closes = clock.split("-")
        named = [DAYS.index(day.strip().lower()) for day in days.split(",")]
    except ValueError as error:
        raise refuse("--hours: write them as tue,thu/09:00-11:00") from error
    return {"days": named, "opens": opens, "closes": closes}


def _lines(told: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in told.items())
