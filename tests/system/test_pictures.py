"""What is decoded of a picture, by whatever program made it, and what never is."""

import struct

import cv2
import numpy as np
import pytest

from bench.memory import megabytes
from enrolment.adapters.faces import PIXELS_MAX
from enrolment.adapters.faces.engine import FaceWorker
from enrolment.adapters.faces.pictures import decode
from enrolment.model.faces import FaceFault, FaceVerdict
from enrolment.rules.faces import assess
from gateway.demo.pictures import Pictures
from tests.system.drawn import (
    beside,
    bomb,
    by_pillow,
    grey,
    heic,
    jpeg,
    pictures,
    small,
    ten_bits,
    turned,
    with_alpha,
    worker,
)

__all__ = ["pictures", "worker"]


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


async def test_a_picture_turned_by_exif_is_seen_upright(
    worker: FaceWorker, pictures: Pictures
) -> None:
    found = await worker.compare(turned(pictures.live, 6), pictures.document)
    assert assess(found.similarity) is FaceVerdict.SAME


def test_a_picture_at_the_limit_is_scaled_down_before_anything_else() -> None:
    picture, share = decode(grey(4000, 3000))
    assert max(picture.shape) == 960
    assert share == 960 / 4000


@pytest.mark.parametrize("side", [640, 1920, 3900])
def test_a_large_jpeg_is_opened_at_a_part_of_its_size(side: int) -> None:
    drawn = np.full((side, side, 3), 127, np.uint8)
    drawn[: side // 8, : side // 8] = (0, 0, 255)
    for raw in (jpeg(drawn), turned(jpeg(drawn), 6)):
        picture, share = decode(raw)
        assert max(picture.shape) == min(960, side)
        assert share == min(1.0, 960 / side)
        blue, _, red = picture[20, 20].astype(int)
        assert red - blue > 150


async def test_a_progressive_jpeg_is_held_to_what_other_pictures_are(
    worker: FaceWorker,
) -> None:
    told = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]

    def made(side: int) -> bytes:
        drawn = np.full((side, side, 3), 127, np.uint8)
        return cv2.imencode(".jpg", drawn, told)[1].tobytes()

    picture, share = decode(made(3900))
    assert (max(picture.shape), share) == (960, 960 / 3900)
    found = await worker.describe(made(4100))
    assert found.fault is FaceFault.TOO_MANY_PIXELS


async def test_a_photo_of_48_megapixels_costs_no_more_memory_than_others(
    pictures: Pictures,
) -> None:
    worker = FaceWorker()
    await worker.start()
    try:
        before = megabytes(worker.pid, "VmHWM")
        raw = grey(8000, 6000)
        assert (await worker.describe(raw)).fault is FaceFault.NO_FACE
        assert megabytes(worker.pid, "VmHWM") - before < 8000 * 6000 * 3 / 2**20 / 2
        lying = raw.replace(
            (6000).to_bytes(2) + (8000).to_bytes(2), b"\xff\xdc\xff\xdc", 1
        )
        # To who takes a length after every marker, 16 x 7680 pixels in a comment.
        comments = b"\xff\xfe\xff\xff" + bytes(65530) + b"\xff\xc0\0"
        comments += b"\xff\xfe\0\x10\x1e" + bytes(13)
        hidden = b"\xff\xd8\xff\x01" + comments + raw[2:]
        for each in (lying, hidden):
            found = await worker.describe(each)
            assert found.fault is FaceFault.TOO_MANY_PIXELS
        assert (await worker.describe(pictures.live)).fault is None
    finally:
        await worker.close()


async def test_a_picture_just_over_the_pixel_limit_is_never_decoded(
    worker: FaceWorker, pictures: Pictures
) -> None:
    side = int(PIXELS_MAX**0.5) + 1
    found = await worker.compare(bomb(side), pictures.document)
    assert found.fault is FaceFault.TOO_MANY_PIXELS


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
