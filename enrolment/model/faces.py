"""Faces in pictures, what frames of a camera show, and what their comparison means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class EngineName(Enum):
    """What turns a face into numbers; one's numbers say nothing to another."""

    SFACE = "sface"
    DLIB = "dlib"


class FaceFault(Enum):
    """Why a picture cannot be used."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not_a_picture"
    HEIC = "heic"
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


@dataclass(frozen=True, slots=True)
class Description:
    """The one face of a picture as 128 float32 of length one, or why there is none."""

    template: bytes = field(repr=False, default=b"")
    fault: FaceFault | None = None


@dataclass(frozen=True, slots=True)
class Alive:
    """What each liveness network thinks of a picture (0 to 1), and ms by stage."""

    scores: Mapping[str, float]
    ms: Mapping[str, float]


class ChallengeKind(Enum):
    """What a person may be asked to move; each can be declined for another."""

    TURN = "turn"
    LOOK = "look"
    DISTANCE = "distance"
    BLINK = "blink"


class Challenge(Enum):
    """One thing to do before the camera; left and right are the person's own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    LOOK_DOWN = "look_down"
    COME_CLOSER = "come_closer"
    GO_BACK = "go_back"
    CLOSE_EYES = "close_eyes"


class Advice(Enum):
    """One plain instruction to a person before the camera."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    NEARER = "nearer"
    MORE_LIGHT = "more_light"
    LESS_LIGHT = "less_light"
    HOLD_STILL = "hold_still"
    LOOK_AHEAD = "look_ahead"
    UNCOVER = "uncover"


class Flaw(Enum):
    """Why a scan is refused; doubts and faults of the engine refuse as well."""

    NOT_LIVE = "not_live"
    STILL = "still"
    LOOP = "loop"
    CUT = "cut"
    OTHER_FACE = "other_face"
    TOO_SLOW = "too_slow"


class ScanState(Enum):
    """How a scan stands."""

    UNDER_WAY = "under_way"
    PASSED = "passed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one frame shows. `at` is seconds since the scan began.

    `centre` and `size` are shares of the picture's width and height; `turn` and `tilt`
    shares of the face (see frames.pose); `live` 0 to 1 by each network; `eyes` how
    far the lids are apart and `whole` how sure a whole face is there (see eyes.py), 0
    and infinite where no network says it; `sharp` the
    variance of the Laplacian and `light` the mean (0-255) of the aligned face; `thumb`
    784 float16 of mean 0 and deviation 1; `template` 128 float32 of length one, behind
    what made it. Where `fault` is set, the rest is empty.
    """

    at: float
    fault: FaceFault | None = None
    centre: tuple[float, float] = (0.0, 0.0)
    size: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0
    live: Mapping[str, float] = field(default_factory=dict)
    eyes: float = 0.0
    whole: float = math.inf
    sharp: float = 0.0
    light: float = 0.0
    thumb: bytes = field(repr=False, default=b"")
    template: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Related:
    """How the frames of a scan relate to each other.

    `nearest` and `middle` are the least and the median mean difference of two thumbs a
    second apart or more, in deviations; `same` the least cosine of a frame to the
    first.
    """

    nearest: float
    middle: float
    same: float


@dataclass(frozen=True, slots=True)
class Match:
    """A person's fused face against a document's: cosine, and his 128 float32."""

    similarity: float
    template: bytes = field(repr=False)


class Look(Enum):
    """What the camera showed after a claim."""

    SAME = "same"
    OTHER = "other"
    NOBODY = "nobody"
    OUT_OF_ORDER = "out_of_order"
    WITHDRAWN = "withdrawn"
