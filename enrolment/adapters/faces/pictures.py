"""Pictures from strangers: their kind and size are known before they are decoded."""

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray

from enrolment.adapters.faces import BYTES_MAX

SIDE_MIN, SIDE_MAX = 64, 960
FRAME_PIXELS = 1280 * 960
# A JPEG can be opened at a half, a quarter or an eighth of its size.
JPEG_PIXELS_MAX = 50_400_000
REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
# JPEG's markers, and those of them that tell width and height (ITU-T T.81, B.2.2).
MARK = 0xFF
FRAME_HEADS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Those of them whose picture is kept whole in memory however it is opened.
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# What has no length after it, or is no marker: a head that has them here hides another.
BARE = {0x00, 0x01, MARK, *range(0xD0, 0xDA)}
# What a picture begins with. Everything else is refused unread, a GIF, a TIFF and a
# film among it; a HEIC that cannot be read is named: its owner can do something.
KINDS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
RIFF, WEBP = b"RIFF", b"WEBP"
HEIF = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypheim", b"ftypavif")

# 24 million is what phones take; more would hold the one thread for seconds.
HEIF_PIXELS_MAX = 25_000_000
HEIF_FAULTS = (
    *(ValueError, EOFError, SyntaxError, RuntimeError, OSError),
    *(LookupError, TypeError, MemoryError),
)
# One thread, as everywhere in the worker: doors need the other cores.
pi_heif.options.DECODE_THREADS = 1

Picture = NDArray[np.uint8]


class Unusable(Exception):
    """A picture cannot be used; the word says why (FaceFault)."""


def decode(raw: bytes) -> tuple[Picture, float]:
    """Return BGR pixels of 8 bits, upright by EXIF, 960 px at most, and the scale."""
    _known(raw)
    if raw[4:12] in HEIF:
        picture, whole = _heif(raw)
    elif (size := _jpeg_size(raw)) is not None:
        picture, whole = _opened(raw, _reduced(*size)), max(size)
    else:
        picture = _opened(raw)
        whole = max(picture.shape[:2])
    if min(picture.shape[:2]) < SIDE_MIN:
        raise Unusable("face_too_small")
    return _small(picture), min(1.0, SIDE_MAX / whole)


def frame_fits(raw: bytes) -> bool:
    """Say whether a camera's frame is a JPEG of the size that a phone's page sends."""
    size = _jpeg_size(raw)
    return size is not None and 0 < size[0] * size[1] <= FRAME_PIXELS


def _small(picture: Picture) -> Picture:
    share = SIDE_MAX / max(picture.shape[:2])
    if share >= 1:
        return picture
    height, width = (max(1, round(each * share)) for each in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small)


def _reduced(high: int, wide: int) -> int:
    """Return how OpenCV is to open a JPEG: a large one never whole, for memory."""
    if high * wide > JPEG_PIXELS_MAX:
        raise Unusable("too_many_pixels")
    for times, flag in REDUCED:
        if max(high, wide) >= times * SIDE_MAX:
            return flag
    return cv2.IMREAD_COLOR


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    """Return a JPEG's height and width by its head; a small file may claim much.

    None where it is none, or one that is not opened at a part of its size: it is held
    to what any other picture is.
    """
    place = 2
    while raw[:2] == b"\xff\xd8" and place + 9 <= len(raw) and raw[place] == MARK:
        kind, length = raw[place + 1], int.from_bytes(raw[place + 2 : place + 4])
        if kind in BARE or kind in PROGRESSIVE:
            return None
        if kind in FRAME_HEADS:
            high = int.from_bytes(raw[place + 5 : place + 7])
            return high, int.from_bytes(raw[place + 7 : place + 9])
        place += 2 + length
    return None


def _opened(raw: bytes, how: int = cv2.IMREAD_COLOR) -> Picture:
    try:
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), how)
    except cv2.error as error:
        large = "pixels" in str(error).lower()
        raise Unusable("too_many_pixels" if large else "not_a_picture") from error
    if picture is None:
        raise Unusable("not_a_picture")
    return np.asarray(picture, np.uint8)


def _heif(raw: bytes) -> tuple[Picture, int]:
    """Return what an iPhone keeps its pictures as, upright, and its longer side."""
    try:
        told = pi_heif.open_heif(raw, bgr_mode=True)
        _few(told.size)
        picture = np.asarray(told)
    except HEIF_FAULTS as error:
        raise Unusable("heic") from error
    _few(picture.shape[:2])  # its head may have lied
    whole = max(picture.shape[:2])
    picture = _small(picture)
    if picture.dtype != np.uint8:
        picture = (picture >> 8).astype(np.uint8)
    if picture.ndim == len("hw"):
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return np.array(picture[:, :, : len("BGR")]), whole


def _few(size: tuple[int, ...]) -> None:
    if size[0] * size[1] > HEIF_PIXELS_MAX:
        raise Unusable("too_many_pixels")


def _known(raw: bytes) -> None:
    if not raw:
        raise Unusable("empty")
    if len(raw) > BYTES_MAX:
        raise Unusable("too_many_bytes")
    webp = raw[:4] == RIFF and raw[8:12] == WEBP
    if not webp and raw[4:12] not in HEIF and not raw.startswith(KINDS):
        raise Unusable("not_a_picture")
