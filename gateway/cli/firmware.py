"""Verbs about the firmware of lock controllers."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.answers import NO, Config, Json, ask_running, refuse, tell, usable

app = typer.Typer(no_args_is_help=True, help="Firmware of lock controllers.")
CONFIG = Path("lodge.toml")
ImageFile = Annotated[Path, typer.Argument(help="A signed image.")]
AGAIN = 0.5
GOOD = "confirmed"


@app.command()
def sign(  # noqa: PLR0913 - each is one of the verb's options
    program: Annotated[Path, typer.Argument(help="The program, as its build made it.")],
    signed: Annotated[Path, typer.Argument(help="Where the image goes.")],
    *,
    key: Annotated[Path, typer.Option(help="Private key, Ed25519 or P-256, PEM.")],
    version: Annotated[str, typer.Option(help="As 1.2.3 or 1.2.3+4; only rises.")],
    board: Annotated[str, typer.Option(help="Which board it was built for.")],
    counter: Annotated[int, typer.Option(help="Security counter; never falls.")] = 0,
    slot: Annotated[int, typer.Option(help="Bytes of a slot.")] = 0x40000,
    header: Annotated[int, typer.Option(help="Bytes of the header.")] = 512,
    align: Annotated[int, typer.Option(help="Bytes that flash writes at once.")] = 4,
    as_json: Json = False,
) -> None:
    """Sign a program as an MCUboot image."""
    from gateway.wiring.signing import Label  # noqa: PLC0415
    from gateway.wiring.signing import sign as sign_it  # noqa: PLC0415

    if signed.exists():
        raise refuse(f"{signed}: is there already; choose another")
    label = Label(version, counter, board, slot, header, align)
    with usable():
        sign_it(program, signed, key, label)
        told = _described(signed.read_bytes())
    tell(told, as_json=as_json, text=lambda: f"signed {signed}: {told['version']}")


@app.command()
def verify(
    image: ImageFile,
    key: Annotated[Path, typer.Option(help="Public key, PEM.")],
    *,
    as_json: Json = False,
) -> None:
    """Say whether an image is whole and by this key."""
    from devices.model.firmware import ImageFault  # noqa: PLC0415
    from gateway.wiring.signing import public_key, read  # noqa: PLC0415

    with usable():
        raw = image.read_bytes()
        found = read(raw, public_key(key))
    bad = found.value if isinstance(found, ImageFault) else None
    told = {"ok": bad is None, "reason": bad, **_described(raw)}
    tell(told, as_json=as_json, text=lambda: f"refused: {bad}" if bad else "good")
    if bad:
        raise typer.Exit(NO)


@app.command()
def show(image: ImageFile, *, as_json: Json = False) -> None:
    """Say what an image says of itself, whoever signed it."""
    with usable():
        told = _described(image.read_bytes())

    def text() -> str:
        return "\n".join(f"{name}: {value}" for name, value in told.items())

    tell(told, as_json=as_json, text=text)
    if "fault" in told:
        raise typer.Exit(NO)


@app.command()
def push(
    controller: Annotated[str, typer.Argument(help="Its name in the config.")],
    image: ImageFile,
    config: Config = CONFIG,
    within: Annotated[int, typer.Option(help="Seconds to wait for its end.")] = 900,
    *,
    as_json: Json = False,
) -> None:
    """Send an image to a controller, try it, and keep it if it works."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        text = base64.b64encode(image.read_bytes()).decode()
        asked = {"controller": controller, "image": text}
        socket = settings.at(settings.socket)
        told = ask_running(socket, "/firmware/push", asked)
        for said in _until_over(socket, told, within):
            _progress(told := said, as_json=as_json)
    if not as_json:
        typer.echo(f"{controller}: {told['step']}, version {told['version']}")
    if told["step"] != GOOD:
        raise typer.Exit(NO)


@app.command()
def status(config: Config = CONFIG, *, as_json: Json = False) -> None:
    """Say how each controller's latest update stands."""
    from gateway.settings import LodgeSettings  # noqa: PLC0415

    with usable():
        settings = LodgeSettings.load(config)
        answer = ask_running(settings.at(settings.socket), "/firmware/status")
    told: list[dict[str, Any]] = answer["updates"]

    def text() -> str:
        lines = [f"{e['controller']}\t{e['step']}\t{e['version']}" for e in told]
        return "\n".join(lines) or "no controller was ever updated"

    tell(told, as_json=as_json, text=text)


def _until_over(
    socket: Path, told: dict[str, Any], within: int
) -> Iterator[dict[str, Any]]:
    until = time.monotonic() + within
    while True:
        yield told
        if not told["under_way"] or time.monotonic() > until:
            return
        time.sleep(AGAIN)
        answer = ask_running(socket, "/firmware/status")
        mine = told["controller"]
        told = next(each for each in answer["updates"] if each["controller"] == mine)


def _progress(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        tell(told, as_json=True)
        return
    done = told["sent"] * 30 // told["size"]
    bar = "█" * done + "░" * (30 - done) if told["step"] == "uploading" else ""
    typer.echo(f"\r{told['step']:<12}{bar:<32}", nl=False, err=True)
    if not told["under_way"]:
        typer.echo("", err=True)


def _described(raw: bytes) -> dict[str, Any]:
    from devices.model.firmware import ImageFault  # noqa: PLC0415
    from gateway.wiring.signing import describe  # noqa: PLC0415

    found = describe(raw)
    if isinstance(found, ImageFault):
        return {"fault": found.value}
    return {
        "version": str(found.version),
        "counter": found.counter,
        "board": found.board.hex() or None,
        "hash": found.hash.hex(),
        "size": found.size,
    }
