"""The demo: the whole story on loopback."""

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.answers import NO, Json, refuse

TAIL = 2000


def demo(
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up, to click through it.")
    ] = False,
    serial: Annotated[
        bool,
        typer.Option("--serial", help="With a wired reader in the lock's place."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the whole story on loopback, with a simulated lock; a line per step."""
    from gateway.demo.pictures import Pictures, PicturesMissing  # noqa: PLC0415

    try:
        pictures = Pictures.find()
    except PicturesMissing as error:
        raise refuse(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="lodge-demo-") as folder:
        story = _story(Path(folder), pictures, serial=serial)
        ok = asyncio.run(_tell(story, serve=serve, as_json=as_json))
    if not ok:
        raise typer.Exit(NO)


def _story(folder: Path, pictures: Any, *, serial: bool) -> Any:
    from gateway.demo.serial_story import SerialStory  # noqa: PLC0415
    from gateway.demo.story import Story  # noqa: PLC0415

    return (SerialStory if serial else Story)(folder, pictures, AsyncExitStack())


async def _tell(story: Any, *, serve: bool, as_json: bool) -> bool:
    started = time.monotonic()
    async with story.stack:
        for name, step in story.steps.items():
            if not await _step(name, step, story.folder):
                _say({"ok": False, "seconds": _since(started), "failed": name})
                return False
        last = await story.last_words()
        _pages(story, as_json=as_json)
        _say({"ok": True, "seconds": _since(started), **last})
        if serve:
            await story.stay()
    return True


async def _step(name: str, step: Any, folder: Path) -> bool:
    from gateway.demo.people import StoryBroken  # noqa: PLC0415
    from gateway.demo.programs import ProgramFailed  # noqa: PLC0415

    started = time.monotonic()
    try:
        more = await step() or {}
    except (StoryBroken, ProgramFailed, TimeoutError) as error:
        _say({"step": name, "ok": False, "seconds": _since(started)})
        typer.echo(f"lodge: {name}: {error}", err=True)
        _tails(folder)
        return False
    _say({"step": name, "ok": True, "seconds": _since(started), **more})
    return True


def _tails(folder: Path) -> None:
    for log in sorted(folder.glob("**/*.log")):
        tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
        typer.echo(f"--- {log.name}\n{tail}", err=True)


def _pages(story: Any, *, as_json: bool) -> None:
    if as_json:
        return
    for name, address in story.addresses.items():
        typer.echo(f"{name}: {address}", err=True)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)


def _say(told: dict[str, Any]) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False))
