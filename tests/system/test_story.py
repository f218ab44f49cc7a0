"""The whole story, as `lodge demo` tells it, on a real Mosquitto."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import typer

from gateway.cli.trial import demo
from gateway.demo.pictures import Pictures, PicturesMissing
from gateway.demo.programs import BrokerProgram, free_port, mosquitto
from gateway.demo.story import Story

STEPS = [
    "init",
    "house",
    "lease",
    "notice",
    "identify",
    "register",
    "forward",
    "board",
    "door",
    "outage",
    "leave",
]


@pytest.fixture
def pictures() -> Pictures:
    try:
        return Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))


async def told(*words: str) -> tuple[int, list[dict]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.cli",
        *words,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    output, complaint = await process.communicate()
    print(complaint.decode())  # noqa: T201 - shown where the test fails
    lines = [json.loads(line) for line in output.decode().splitlines()]
    return process.returncode, lines


@pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
@pytest.mark.parametrize("more", [[], ["--serial"]])
async def test_the_demo_tells_the_whole_story(more: list[str]) -> None:
    code, lines = await told("demo", *more, "--json")
    assert [line["step"] for line in lines[:-1]] == STEPS
    assert all(line["ok"] for line in lines)
    last = lines[-1]
    assert (code, last["door"]) == (0, "opened")
    assert last["registration"]["state"] == "accepted"
    assert last["registration"]["receipt"]
    assert last["station"]["occupants"] == 1


async def test_a_story_that_breaks_says_where_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    Pictures.find()

    async def broken(_self: Story) -> None:
        raise TimeoutError

    monkeypatch.setattr(Story, "begin", broken)

    with pytest.raises(typer.Exit) as ended:
        await asyncio.to_thread(demo, serve=False, as_json=True)
    assert ended.value.exit_code == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["ok"], last["failed"]) == (False, "init")


async def test_the_demos_own_broker_carries_the_story_where_mosquitto_is_missing(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures, tmp_path: Path
) -> None:
    monkeypatch.setattr("gateway.demo.programs.mosquitto", lambda: None)
    async with AsyncExitStack() as stack:
        story = Story(tmp_path, pictures, stack)
        for name in ("init", "house"):
            await story.steps[name]()
        assert story.broker.version == "3.1.1"


async def test_a_broker_listens_once_it_has_started(tmp_path: Path) -> None:
    broker = BrokerProgram(tmp_path / "broker", free_port())
    await broker.start()
    _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.close()
    await writer.wait_closed()
    await broker.stop()
