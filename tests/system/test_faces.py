"""The real face worker, on real pictures and on what is none."""

import asyncio
import io
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw, ImageFont

from enrolment.adapters.faces import PIXELS_MAX, helper
from enrolment.adapters.faces.engine import DocumentReader, FaceWorker
from enrolment.adapters.faces.pictures import decode
from enrolment.model.documents import DocumentKind, Part
from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import FaceFault, FaceVerdict
from enrolment.rules.faces import assess
from enrolment.rules.mrz import read as read_lines
from enrolment.rules.reading import read_document
from gateway.demo.pictures import Pictures, PicturesMissing
from tests.unit.test_mrz import DUPONT

MONOSPACED = "DejaVuSansMono.ttf"


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


async def test_one_person_on_two_photographs_is_the_same(
    worker: FaceWorker, pictures: Pictures
) -> None:
    found = await worker.compare(pictures.live, pictures.document)
    assert found.fault is None
    assert assess(found.similarity) is FaceVerdict.SAME
    assert len(found.template) == 128 * 4
    assert len(found.faces) == 2


async def test_another_person_is_not(worker: FaceWorker, pictures: Pictures) -> None:
    found = await worker.compare(pictures.other, pictures.document)
    assert assess(found.similarity) is FaceVerdict.DIFFERENT


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("empty", FaceFault.EMPTY),
        ("text", FaceFault.NOT_A_PICTURE),
        ("cut", FaceFault.NOT_A_PICTURE),
        ("60 MB", FaceFault.TOO_MANY_BYTES),
        ("20,000 px", FaceFault.TOO_MANY_PIXELS),
        ("no face", FaceFault.NO_FACE),
        ("two faces", FaceFault.SEVERAL_FACES),
        ("far away", FaceFault.FACE_TOO_SMALL),
    ],
)
async def test_a_picture_that_cannot_be_used_says_why_and_the_next_one_works(
    worker: FaceWorker, pictures: Pictures, name: str, fault: FaceFault
) -> None:
    bad = {
        "empty": lambda: b"",
        "text": lambda: b"this is not a picture",
        "cut": lambda: pictures.live[:200],
        "60 MB": lambda: b"\xff\xd8" + b"\0" * 60_000_000,
        "20,000 px": lambda: bomb(20_000),
        "no face": lambda: grey(640, 480),
        "two faces": lambda: beside(pictures.live, pictures.live),
        "far away": lambda: small(pictures.live),
    }[name]()
    found = await worker.compare(bad, pictures.document)
    assert (found.fault, found.at_fault) == (fault, "live")
    assert (await worker.compare(pictures.live, pictures.document)).fault is None


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


async def test_a_picture_turned_by_exif_is_seen_upright(
    worker: FaceWorker, pictures: Pictures
) -> None:
    found = await worker.compare(turned(pictures.live, 6), pictures.document)
    assert assess(found.similarity) is FaceVerdict.SAME


def test_a_picture_at_the_limit_is_scaled_down_before_anything_else() -> None:
    picture, share = decode(grey(4000, 3000))
    assert max(picture.shape) == 960
    assert share == 960 / 4000


async def test_a_picture_just_over_the_pixel_limit_is_never_decoded(
    worker: FaceWorker, pictures: Pictures
) -> None:
    side = int(PIXELS_MAX**0.5) + 1
    found = await worker.compare(bomb(side), pictures.document)
    assert found.fault is FaceFault.TOO_MANY_PIXELS


async def test_a_worker_that_dies_is_a_clear_answer_and_comes_back(
    worker: FaceWorker, pictures: Pictures
) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    asking = asyncio.ensure_future(  # noqa: TID251 - a test's own task
        worker.compare(pictures.live, pictures.document)
    )
    await asyncio.sleep(0.1)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(FaceEngineDown):
        await asking
    assert (await worker.compare(pictures.live, pictures.document)).fault is None


async def test_a_worker_that_hangs_is_replaced(pictures: Pictures) -> None:
    worker = FaceWorker(answer_within=0.5, start_within=0.5)
    worker.command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(FaceEngineDown):
        await worker.compare(pictures.live, pictures.document)
    assert worker.pid is None


async def test_a_worker_without_its_weights_does_not_start() -> None:
    worker = FaceWorker(command=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(FaceEngineDown):
        await worker.start()


async def test_what_the_worker_must_not_do_it_cannot(worker: FaceWorker) -> None:
    status, limits = (told(worker.pid, name) for name in ("status", "limits"))
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert re.search(r"Max file size +0 ", limits)
    assert re.search(r"Max core file size +0 ", limits)


def told(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


@pytest.mark.parametrize(
    "act", ["socket", "open", "fork", "exec", "truncate", "chmod", "link", "kill"]
)
def test_the_sandbox_is_shut(act: str) -> None:
    acts = {
        "socket": "import socket; socket.socket()",
        "open": "open('/etc/hostname')",
        "fork": "os.fork()",
        "exec": "os.execv('/bin/true', ['true'])",
        "truncate": "os.truncate('/nowhere', 0)",
        "chmod": "os.chmod('/nowhere', 0)",
        "link": "os.link('/nowhere', '/elsewhere')",
        "kill": "os.kill(os.getppid(), 0)",
    }
    told = subprocess.run(
        [sys.executable, "-c", SHUT.format(acts[act])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "refused"


SHUT = """
import os, socket
from enrolment.adapters.faces.sandbox import shut_in
assert shut_in()
try:
    {}
except PermissionError:
    os.write(1, b"refused")
"""


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"GIF89a" + b"\0" * 100, FaceFault.NOT_A_PICTURE),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, FaceFault.HEIC),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 100, FaceFault.NOT_A_PICTURE),
        (b"\x1aE\xdf\xa3" + b"\0" * 100, FaceFault.NOT_A_PICTURE),
        (b"%PDF-1.7\xff\xd8\xff" + b"\0" * 100, FaceFault.NOT_A_PICTURE),
        (b"BM" + b"\0" * 100, FaceFault.NOT_A_PICTURE),
    ],
)
async def test_what_is_no_picture_is_never_decoded(
    worker: FaceWorker, raw: bytes, fault: FaceFault
) -> None:
    found = await worker.describe(raw)
    assert found.fault is fault


async def test_pictures_of_every_make_are_understood(
    worker: FaceWorker, pictures: Pictures
) -> None:
    known = (await worker.describe(pictures.live)).template
    picture = cv2.imdecode(np.frombuffer(pictures.live, np.uint8), 1)
    made = {
        "png": cv2.imencode(".png", picture)[1].tobytes(),
        "webp": cv2.imencode(".webp", picture)[1].tobytes(),
        "16 bits": cv2.imencode(".png", picture.astype(np.uint16) * 257)[1].tobytes(),
        "an iPhone's": heic(cv2.resize(picture, None, fx=0.3, fy=0.3)),
        "four inks": by_pillow(picture, "JPEG", mode="CMYK"),
        "animated webp": by_pillow(picture, "WEBP", save_all=True, twice=True),
        "animated png": by_pillow(picture, "PNG", save_all=True, twice=True),
        "film at its end": pictures.live + b"\0\0\0\x18ftypmp42" + bytes(10_000),
    }
    for name, raw in made.items():
        found = await worker.describe(raw)
        assert found.fault is None, name
        one, other = (np.frombuffer(t, np.float32) for t in (known, found.template))
        assert one @ other > 0.9, name
    thin = cv2.imencode(".png", np.zeros((5000, 2, 3), np.uint8))[1].tobytes()
    assert (await worker.describe(thin)).fault is FaceFault.FACE_TOO_SMALL


@pytest.mark.timeout(60)  # making such pictures takes its time
async def test_an_iphones_picture_is_held_to_what_others_are(
    worker: FaceWorker, pictures: Pictures
) -> None:
    picture = cv2.imdecode(np.frombuffer(pictures.live, np.uint8), 1)
    good = heic(cv2.resize(picture, (480, 640)))
    found = await worker.compare(good, pictures.document)
    assert assess(found.similarity) is FaceVerdict.SAME
    mono = heic(cv2.cvtColor(cv2.resize(picture, (480, 640)), cv2.COLOR_BGR2GRAY))
    assert (await worker.describe(mono)).fault is None
    claims = b"ispe" + bytes(4) + struct.pack(">II", 480, 640)
    large = good.replace(claims, claims[:8] + struct.pack(">II", 6400, 6400))
    assert large != good
    for raw, fault in (
        (large, FaceFault.TOO_MANY_PIXELS),
        (good[: len(good) // 2], FaceFault.HEIC),
        (good[:300], FaceFault.HEIC),
        (good.replace(b"ftypheic", b"ftypavif"), None),
    ):
        assert (await worker.describe(raw)).fault is fault
    whole = cv2.resize(picture, (360, 480))
    for made in (ten_bits(whole), with_alpha(whole)):
        assert (await worker.describe(made)).fault is None
    spoilt = bytearray(good)
    spoilt[-2000:-1000] = bytes(1000)
    await worker.describe(bytes(spoilt))  # whatever it says, it goes on
    assert (await worker.describe(good)).fault is None


async def test_whoever_comes_to_a_long_queue_is_told_at_once() -> None:
    worker = FaceWorker(command=(sys.executable, "-c", "import time; time.sleep(9)"))
    waiting = [
        asyncio.ensure_future(worker.describe(b"x"))  # noqa: TID251 - a test's own
        for _ in range(helper.QUEUE_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(FaceEngineDown, match="too many"):
        await worker.describe(b"x")
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await worker.close()


async def test_a_frame_is_a_small_jpeg_by_its_head(
    worker: FaceWorker, pictures: Pictures
) -> None:
    picture = cv2.imdecode(np.frombuffer(pictures.live, np.uint8), 1)
    small = cv2.resize(picture, (640, 800))
    good = jpeg(small)
    lying = good.replace((800).to_bytes(2) + (640).to_bytes(2), b"\x18\x9c\x18\x9c", 1)
    assert lying != good
    frames = [
        good,
        lying,
        bomb(6300),
        cv2.imencode(".png", small)[1].tobytes(),
        jpeg(cv2.resize(picture, (2000, 2400))),
        good[:30],
        b"\xff\xd8" + b"\xff\xe0\0\0" * 20,
    ]
    seen = await worker.measure([(float(n), raw) for n, raw in enumerate(frames)])
    assert [each.fault for each in seen] == [None, *[FaceFault.NOT_A_PICTURE] * 6]


async def test_a_document_is_read_and_nothing_is_guessed(shared: Path) -> None:
    reader = DocumentReader()
    raw = (shared / "faces" / "dev" / "id_card_sample.jpg").read_bytes()
    lines = await reader.read(raw)
    found = read_document(lines, date(2026, 11, 22))
    assert found.person.kind is DocumentKind.RESIDENT_CARD
    assert re.fullmatch(r"\d{17}[\dX]", found.person.number)
    # Its name's label is a drawing, and the check digit of its number is wrong.
    assert found.unsure == {Part.NAME, Part.NUMBER}
    assert await reader.read(b"no picture") == []
    status = told(reader.pid, "status")
    assert "Seccomp:\t2" in status
    reader.idle()
    assert reader.pid is None
    assert await reader.read(grey(640, 480)) == []
    await reader.close()


async def test_a_passports_two_lines_are_read_by_the_camera() -> None:
    """The lines as a printer sets them, nobody's: long rows of fillers come short."""
    font = ImageFont.truetype(MONOSPACED, 34)
    page = Image.new("RGB", (1100, 760), (236, 236, 232))
    drawn = ImageDraw.Draw(page)
    drawn.text((420, 80), "PASSPORT", (20, 20, 20), font=font)
    for y, line in zip((640, 690), DUPONT.split(), strict=True):
        drawn.text((60, y), line, (20, 20, 20), font=font)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=85)
    reader = DocumentReader()
    found = read_document(await reader.read(file.getvalue()), date(2026, 11, 22))
    expected = read_lines(DUPONT, date(2026, 11, 22)).person
    assert found.person == expected
    assert found.lines
    await reader.close()


async def test_a_reader_that_dies_has_read_nothing() -> None:
    reader = DocumentReader((sys.executable, "-c", "raise SystemExit(3)"))
    assert await reader.read(b"x") == ()
    await reader.close()


async def test_who_stands_at_a_door_waits_for_one_other_at_most(
    worker: FaceWorker, pictures: Pictures
) -> None:
    order: list[str] = []

    async def ask(name: str, *, first: bool) -> None:
        await worker.measure([(0.0, pictures.live)], first=first)
        order.append(name)

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(ask(f"enrols {number}", first=False))
        await asyncio.sleep(0)
        tasks.create_task(ask("door", first=True))
    assert order.index("door") <= 2
