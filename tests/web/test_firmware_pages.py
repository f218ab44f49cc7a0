"""Firmware pushed from the shell to a running box, and seen on the door's page."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser

from gateway.cli.answers import NO, UNUSABLE
from gateway.demo.controller import Flash, SimulatedController
from gateway.demo.people import found
from gateway.demo.programs import lodge, mosquitto
from gateway.demo.serial_story import append
from gateway.demo.story import Story
from gateway.demo.wire import Wire
from tests.system.controllers import SLOT
from tests.web.conftest import enter, visitor

pytestmark = [
    pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing"),
]
CONFIG = """
[[firmware.controllers]]
name = "front"
board = "reader-1"
port = "{port}"
door = "{door}"
"""


async def verb(*words: str) -> tuple[int, list[dict]]:
    process = await asyncio.create_subprocess_exec(
        *lodge("firmware", *words, "--json"), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return process.returncode, [json.loads(line) for line in told.splitlines()]


class Desk:
    """An installer's desk, with the key that `lodge init` made."""

    def __init__(self, box: Path, folder: Path) -> None:
        self.keys, self.folder = box / "keys", folder

    async def image(self, version: str, counter: int = 1) -> Path:
        program = self.folder / "app.bin"
        program.write_bytes(version.encode() * 6000)
        out = self.folder / f"{version}.signed.bin"
        code, _ = await verb(
            *("sign", str(program), str(out), "--version", version),
            *("--key", str(self.keys / "firmware.key"), "--board", "reader-1"),
            *("--counter", str(counter), "--slot", str(SLOT)),
        )
        assert code == 0
        return out


@dataclass
class Front:
    """A running box whose front door has a controller on a line, and who signs."""

    story: Story
    desk: Desk
    controller: SimulatedController
    page: str

    async def push(self, image: Path, to: str = "front") -> tuple[int, list[dict]]:
        return await verb("push", to, str(image), "--config", self.story.config)


@pytest.fixture
async def front(story: Story, tmp_path: Path) -> AsyncIterator[Front]:
    desk = Desk(story.folder / "box", tmp_path)
    controller = SimulatedController(Flash((await desk.image("1.0.0")).read_bytes()))
    wire = Wire(tmp_path / "port", controller.path, baud=115200)
    wire.plug()
    page = await story.landlord.look(story.house)
    door = found(r'href="/landlord/doors/(\w{26})"', page)
    await story.box.stop()
    more = CONFIG.format(port=wire.path, door=door)
    await asyncio.to_thread(append, Path(story.config), more)
    await story.start_box()
    running = story.beside(controller.run())
    yield Front(story, desk, controller, f"/landlord/doors/{door}")
    running.cancel()
    wire.pull()


@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_an_update_is_seen_on_the_doors_page(
    front: Front, chromium: Browser, language: str, scheme: str
) -> None:
    story, box = front.story, front.story.addresses["box"]
    image = await front.desk.image("1.1.0", 2)
    landlord = await visitor(chromium, language, scheme)
    await enter(landlord, story.landlord.client.cookies, box)
    async with asyncio.TaskGroup() as tasks:
        pushing = tasks.create_task(front.push(image))
        await story.landlord.until(front.page, "<progress")
        await landlord.page.goto(box + front.page)
        await landlord.show("firmware-sent")
    code, lines = pushing.result()
    assert (code, lines[-1]["step"]) == (0, "confirmed")
    assert {line["step"] for line in lines} >= {"uploading", "confirmed"}
    assert any(0 < line["sent"] < line["size"] for line in lines)
    await landlord.page.wait_for_selector("#firmware:not([hx-get])")
    await landlord.show("firmware-done")
    assert landlord.complaints == []
    [status] = (await verb("status", "--config", story.config))[1][0]
    assert (status["step"], status["before"]) == ("confirmed", "1.0.0+0")


async def test_what_is_refused_says_why(front: Front, tmp_path: Path) -> None:
    image = await front.desk.image("0.9.0", 1)
    assert (await front.push(image))[0] == NO
    spoilt = tmp_path / "spoilt.bin"
    spoilt.write_bytes(image.read_bytes()[:-1] + b"x")
    assert (await front.push(spoilt))[0] == NO
    assert (await front.push(image, to="back"))[0] == NO
    public = str(front.desk.keys / "firmware.pub")
    assert (await verb("verify", str(image), "--key", public))[0] == 0
    code, [said] = await verb("verify", str(spoilt), "--key", public)
    assert (code, said["reason"]) == (NO, "changed")
    assert (await verb("show", str(tmp_path / "none.bin")))[0] == UNUSABLE
    assert not front.controller.written
