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
