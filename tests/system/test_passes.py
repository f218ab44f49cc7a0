"""Passes as QR codes, before a camera in a process of its own."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from devices.model.keys import Refusal
from devices.model.tokens import Pass
from firmware_bridge.drivers.camera import CameraKeys
from firmware_bridge.links import camera
from firmware_bridge.links.camera import Camera
from firmware_bridge.qr.passes import MARK, decode, encode
from tests.system.test_broker_link import until
from tests.system.test_keys import issued
from tests.system.test_tokens import PHONE, a_pass, public
from tests.system.world import LOCK, World


def film(path: Path, text: str) -> str:
    """Make a film of a QR code that is held before a camera for a second."""
    code = segno.make(text, error="l").matrix_iter(scale=4, border=4)
    dark = np.array([list(row) for row in code], dtype=np.uint8)
    frame = np.full((720, 1280, 3), 190, np.uint8)
    height, width = dark.shape
    frame[40 : 40 + height, 200 : 200 + width] = ((1 - dark) * 255)[:, :, None]
    kind = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), kind, 10, (1280, 720))
    for _ in range(10):
        writer.write(frame)
    writer.release()
    return str(path)


async def test_a_pass_before_the_camera_opens_once(
    world: World, tmp_path: Path
) -> None:
    key = await issued(world)
    token, _ = world.showing.cut(key, world.door.house, public(PHONE))
    source = film(tmp_path / "film.avi", encode(a_pass(world, token)))
    keys = CameraKeys(Camera(source), world.door.id, world.stores.houses, world.showing)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keys.run())
        await until(lambda: ("release", LOCK.id) in world.driver.told)
        running.cancel()
    again = decode(encode(a_pass(world, token)))
    found = await world.showing.take(world.door, again)
    assert found.refusal is Refusal.REPLAYED


def held(path: Path, texts: list[str], side: int) -> str:
    """Make a film of codes that are held so far away: `side` pixels of 640 x 480."""
    chance = np.random.default_rng(4)
    size = (640, 480)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 8, size)
    for text in texts:
        code = segno.make(text, error="l").matrix_iter(scale=8, border=4)
        dark = np.array([list(row) for row in code], dtype=np.uint8)
        small = cv2.resize((1 - dark) * 255, (side, side), interpolation=cv2.INTER_AREA)
        frame = np.full((480, 640, 3), 150, np.uint8)
        frame[30 : 30 + side, 90 : 90 + side] = small[:, :, None]
        tilt = cv2.getRotationMatrix2D((320, 240), float(chance.uniform(-8, 8)), 1)
        frame = cv2.warpAffine(frame, tilt, size, borderMode=cv2.BORDER_REPLICATE)
        noise = chance.normal(0, 4, frame.shape)
        writer.write(np.clip(frame + noise, 0, 255).astype(np.uint8))
    writer.release()
    return str(path)


@pytest.mark.parametrize("side", [420, 360, 280])
def test_a_long_pass_is_read_from_where_people_hold_it(
    tmp_path: Path, monkeypatch, side: int
) -> None:
    monkeypatch.setattr(camera, "FRAMES_A_SECOND", 1e9)
    texts = [MARK + f"{number:02}" * 307 for number in range(40)]
    assert {len(each) for each in texts} == {621}
    source = held(tmp_path / "film.avi", texts, side)
    seen = list(camera.look(source, lambda: False))
    assert seen == [camera.TEXT + each for each in texts]


def test_of_two_codes_in_a_picture_both_are_told_once(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(camera, "FRAMES_A_SECOND", 1e9)
    one, two = (film(tmp_path / f"{text}.avi", text) for text in ("one", "two"))
    first, second = (cv2.VideoCapture(each).read()[1] for each in (one, two))
    kind = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(tmp_path / "both.avi"), kind, 10, (2560, 720))
    for _ in range(5):
        writer.write(np.hstack([first, second]))
    writer.release()
    seen = list(camera.look(str(tmp_path / "both.avi"), lambda: False))
    assert sorted(seen) == ["text one", "text two"]


async def test_what_is_no_pass_is_passed_over(world: World, tmp_path: Path) -> None:
    source = film(tmp_path / "film.avi", "https://example.org/not-a-pass")
    async with asyncio.timeout(15), aclosing(Camera(source).texts()) as seen:
        assert decode(await anext(seen)) is None
    assert not world.driver.told


@given(
    st.binary(min_size=1, max_size=900),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - told below
)
def test_what_is_shown_is_what_is_read(token: bytes, at: datetime) -> None:
    shown = Pass(token, at.replace(tzinfo=UTC), b"n" * 16, b"s" * 64)
    assert decode(encode(shown)) == shown


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    decode(text)
    decode(MARK + text)
    decode(MARK + "~".join([text] * 4))


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_time_without_a_zone_is_no_pass(seconds: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    good = encode(Pass(b"t", at, b"n" * 16, b"s" * 64))
    assert decode(good) is not None
    assert decode(good.replace("+00:00", "")) is None
