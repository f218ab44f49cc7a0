"""Films for Chromium's fake camera, made of the shared clips at test time."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

FPS = 30
SECONDS, ACTED = 24, 90  # ACTED outlasts a slow machine's scan: a film begins anew
CLIP_FPS = 20
PERIOD = 6.0
# The picture of `0006_live.mjpeg` in which he blinks, and how he does it when asked.
BLINK = 28
BLINK_EVERY, BLINK_LASTS = 4.1, 1.2
SWAY = 0.03
# Where his face is in the first pictures, in pixels.
FACE = (302, 175)


def frames(clip: Path) -> list[np.ndarray]:
    """Return a clip's pictures, each once."""
    parts = clip.read_bytes().split(b"\xff\xd8")[1:]
    found, last = [], b""
    for part in parts:
        if part != last:
            raw = np.frombuffer(b"\xff\xd8" + part, np.uint8)
            found.append(cv2.imdecode(raw, cv2.IMREAD_COLOR))
        last = part
    return found


def nearer_and_farther(second: float) -> float:
    """Return how near somebody holds his phone: to and fro, as he is asked."""
    return 1.15 + 0.45 * math.sin(2 * math.pi * second / PERIOD)


def still(_second: float) -> float:
    return 1.0


def to_and_fro(pictures: list[np.ndarray], second: float) -> np.ndarray:
    """Return the picture of a moment, so that nothing jumps where the clip ends."""
    turn = 2 * len(pictures) - 2
    place = int(second * CLIP_FPS) % turn if turn else 0
    return pictures[place if place < len(pictures) else turn - place]


def swaying(picture: np.ndarray, second: float) -> np.ndarray:
    """Return a picture as of somebody who cannot hold quite still: no two are alike."""
    high, wide = picture.shape[:2]
    corners = np.float32([[0, 0], [wide, 0], [wide, high], [0, high]])
    each = np.sqrt(np.arange(2, 10)).reshape(4, 2)  # periods that never meet, seconds
    moved = corners + SWAY * wide * np.sin(2 * np.pi * second / each)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return cv2.warpPerspective(
        picture, matrix, (wide, high), borderMode=cv2.BORDER_REPLICATE
    )


def film(
    path: Path,
    pictures: list[np.ndarray],
    zoom: Callable[[float], float] = nearer_and_farther,
    seconds: int = SECONDS,
    shut: np.ndarray | None = None,
) -> Path:
    """Write a film for `--use-file-for-fake-video-capture`; `shut` is him blinking."""
    with path.open("wb") as file:
        for raw in _drawn(pictures, zoom, seconds, shut):
            file.write(raw)
    return path


def _drawn(
    pictures: list[np.ndarray],
    zoom: Callable[[float], float],
    seconds: int,
    shut: np.ndarray | None,
) -> Iterator[bytes]:
    for number in range(seconds * FPS):
        second = number / FPS
        picture = to_and_fro(pictures, second)
        if shut is not None:
            blinks = second % BLINK_EVERY > BLINK_EVERY - BLINK_LASTS
            picture = swaying(shut if blinks else picture, second)
        high, wide = picture.shape[:2]
        share = zoom(second)
        middle = (wide / 2, high * 0.4)
        matrix = cv2.getRotationMatrix2D(middle, 0, share)
        moved = cv2.warpAffine(
            picture,
            matrix,
            (wide, high),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        yield cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def beside(one: list[np.ndarray], other: list[np.ndarray]) -> list[np.ndarray]:
    """Put two people into one picture."""
    return [
        np.hstack([a[:, 160:480], b[:, 160:480]])
        for a, b in zip(one, other, strict=False)
    ]


def empty() -> list[np.ndarray]:
    """A room with nobody in it: grey walls and noise that moves."""
    chance = np.random.default_rng(3)
    wall = np.full((480, 640, 3), 120, np.uint8)
    noise = [chance.integers(0, 12, wall.shape, np.uint8) for _ in range(10)]
    return [wall + each for each in noise]


def masked(
    picture: np.ndarray, colour: tuple[int, int, int] = (220, 190, 150)
) -> np.ndarray:
    """Draw a mask over mouth and nose of the first pictures of `0006_live.mjpeg`."""
    covered, (x, y), half = picture.copy(), FACE, 65
    across = [(x - half, y), (x + half, y)]
    below = [(x + half, y + 91), (x, y + 110), (x - half, y + 91)]
    cv2.fillPoly(covered, [np.array(across + below, np.int32)], colour)
    return covered


def card(face: np.ndarray, number: str) -> bytes:
    """Make a picture of a document, nobody's: a face, and a number beneath it."""
    ground = np.full((720, 1100, 3), 235, np.uint8)
    high, wide = face.shape[:2]
    size = (360, int(high * 360 / wide))
    part = cv2.resize(face, size)
    ground[40 : 40 + size[1], 700:1060] = part[: 720 - 80]
    cv2.putText(ground, number, (60, 640), 0, 1.5, (30, 30, 30), 3, cv2.LINE_AA)
    return cv2.imencode(".jpg", ground, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
