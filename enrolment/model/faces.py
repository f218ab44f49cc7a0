"""Faces in pictures, and what their comparison means."""

from dataclasses import dataclass, field
from enum import Enum


class FaceFault(Enum):
    """Why a picture cannot be used."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not_a_picture"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"


class FaceVerdict(Enum):
    """What the comparison of two faces means."""

    SAME = "same"
    DOUBT = "doubt"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture: box in pixels (x, y, width, height) and detector score."""

    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the face worker found in a live picture and a document picture.

    `similarity` is the cosine of two SFace embeddings (-1..1); `template` the 128
    float32 of the live face, as bytes. Stills cannot prove liveness.
    """

    similarity: float | None = None
    fault: FaceFault | None = None
    at_fault: str = ""
    faces: tuple[Face, ...] = ()
    template: bytes = field(repr=False, default=b"")
    ms: tuple[tuple[str, float], ...] = ()
