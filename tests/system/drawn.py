"""Pictures of every make, good and bad, and a worker that looks at them."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from enrolment.adapters.faces.engine import FaceWorker
from gateway.demo.pictures import Pictures, PicturesMissing


@pytest.fixture
def pictures() -> Pictures:
    try:
        return Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))


@pytest.fixture
async def worker() -> AsyncIterator[FaceWorker]:
    found = FaceWorker()
    await found.start()
    yield found
    await found.close()


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def heic(picture: np.ndarray) -> bytes:
    """Return a picture as an iPhone keeps it."""
    high, wide = picture.shape[:2]
    mode = "BGR" if picture.ndim > len("hw") else "L"
    file = io.BytesIO()
    pillow_heif.encode(mode, (wide, high), picture.tobytes(), file, quality=90)
    return file.getvalue()


def by_pillow(
    picture: np.ndarray, kind: str, *, mode: str = "RGB", twice: bool = False, **more
) -> bytes:
    """Return a picture as other programs make them; animated, its second is grey."""
    one = Image.fromarray(picture[:, :, ::-1]).convert(mode)
    grey = [Image.new(mode, one.size, 127)] if twice else []
    file = io.BytesIO()
    one.save(file, kind, **({"append_images": grey} if twice else {}), **more)
    return file.getvalue()


def ten_bits(picture: np.ndarray) -> bytes:
    """Return a grey picture of ten bits, as some cameras make them."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint16) << 8
    file = io.BytesIO()
    size = (grey.shape[1], grey.shape[0])
    pillow_heif.encode("L;16", size, grey.tobytes(), file, quality=90)
    return file.getvalue()


def with_alpha(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    four = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    size = (picture.shape[1], picture.shape[0])
    pillow_heif.encode(
        "BGRA", size, four.tobytes(), file, quality=90, premultiplied_alpha=True
    )
    return file.getvalue()


def grey(width: int, height: int) -> bytes:
    return jpeg(np.full((height, width, 3), 127, np.uint8))


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def bomb(side: int) -> bytes:
    """Return a small PNG that claims to be side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def turned(raw: bytes, orientation: int) -> bytes:
    """Return a JPEG with its pixels turned and an EXIF tag that turns them back."""
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE)
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    exif = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    plain = jpeg(picture)
    return plain[:2] + segment + plain[2:]


def beside(one: bytes, other: bytes) -> bytes:
    sides = [
        cv2.resize(cv2.imdecode(np.frombuffer(raw, np.uint8), 1), (500, 600))
        for raw in (one, other)
    ]
    return jpeg(np.hstack(sides))


def small(raw: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), 1)
    small = cv2.resize(picture, (100, 160), interpolation=cv2.INTER_AREA)
    field = np.full((800, 800, 3), 127, np.uint8)
    field[300:460, 300:400] = small
    return jpeg(field)


def told(pid: int, name: str) -> str:
    """Return what /proc says of a program."""
    return Path(f"/proc/{pid}/{name}").read_text()
