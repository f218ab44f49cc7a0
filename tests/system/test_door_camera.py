"""A look at the door with everything real: camera, networks, verdict."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path

import cv2
import pytest

from enrolment.model.consents import ConsentKind
from enrolment.model.faces import Look
from enrolment.model.leases import Lease
from firmware_bridge.drivers.camera import CameraKeys, DoorCameras
from firmware_bridge.links.camera import Camera
from gateway.demo.pictures import cache
from gateway.wiring.faces import engine
from tests.system.test_broker_link import until
from tests.system.test_door_faces import RELEASED, resident
from tests.system.world import World
from tests.web import clips

NETWORKS = cache() / "models"


@pytest.fixture
async def worker() -> AsyncIterator:
    if not (NETWORKS / "fr_liveness.onnx").exists():
        pytest.skip("the liveness network is not in the cache; `make test` puts it")
    found = engine(NETWORKS)
    await found.start()
    yield found
    await found.close()


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "faces" / "dev" / "camera"


@asynccontextmanager
async def network_camera(pictures: list) -> AsyncIterator[str]:
    """Be a camera in the network, as most are: JPEGs over HTTP, one after another."""
    frames = [cv2.imencode(".jpg", each)[1].tobytes() for each in pictures]
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n"

    async def show(_reader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            for raw in cycle(frames + frames[::-1]):
                size = f"Content-Length: {len(raw)}\r\n\r\n".encode()
                writer.write(b"\r\n--f\r\nContent-Type: image/jpeg\r\n" + size + raw)
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(show, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/live.mjpg"
    await gone.wait()  # its child was ended
    server.close()


async def at_the_door(world: World, source: str, lease: Lease) -> Look:
    """Let the door's camera see something, and a claim be looked at."""
    camera = Camera(source)
    faces, stores = world.door_faces, world.stores
    faces.lasts = 40.0  # on a busy machine its child takes seconds to start
    faces.cameras = DoorCameras({world.door.id: camera})
    keys = CameraKeys(camera, world.door.id, stores.houses, world.showing)
    async with asyncio.TaskGroup() as tasks:
        drawing = tasks.create_task(keys.run())
        await until(lambda: camera._child is not None)
        found = await faces.look(world.door, stores.keys.key(lease.key))
        drawing.cancel()
    return found


@pytest.mark.parametrize(("name", "look"), [("live", Look.SAME), ("print", Look.OTHER)])
async def test_the_door_opens_to_him_and_not_to_his_picture(
    house: World, window, worker, folder: Path, name: str, look: Look
) -> None:
    lease, _ = await resident(house, window)
    house.door_faces.faces = worker
    [portrait] = folder.glob("0006_document_*.jpg")  # noqa: ASYNC240 - one small folder
    described = await worker.describe(portrait.read_bytes())
    async with house.stores.book.page() as page:
        await house.stores.consents.keep(
            page, lease.tenant, ConsentKind.FACE_AT_DOOR, described.template
        )
    pictures = clips.frames(folder / f"0006_{name}.mjpeg")
    async with network_camera(pictures) as source:
        assert await at_the_door(house, source, lease) is look
    assert (RELEASED in house.driver.told) == (look is Look.SAME)


@pytest.mark.parametrize("word", ["", "look 30\n", "look\n", "look -1\n"])
def test_frames_come_out_only_while_somebody_asked(
    folder: Path, tmp_path: Path, word: str
) -> None:
    pictures = clips.frames(folder / "0006_live.mjpeg")
    film = clips.film(tmp_path / "film.mjpeg", pictures[:4], seconds=6)
    told = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "camera"],
        input=f"{film}\n{word}".encode(),
        capture_output=True,
        check=True,
        timeout=40,
    )
    lines = told.stdout.splitlines()
    assert all(line.startswith(b"frame ") for line in lines)
    assert bool(lines) == (word == "look 30\n")  # the film ends by itself
