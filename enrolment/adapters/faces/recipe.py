"""How a liveness network wants to be asked."""

import json
from dataclasses import dataclass

# The networks of eyes (eyes.py).
FACE, EYE = "face_landmark", "iris_landmark"
# The `live` of a network that does not judge life: the eyes' two.
JUDGES_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Recipe:
    """One network: its file, its hash, its input.

    A square of `side` px around the face's box times `scale`, BGR float 0-255, NCHW;
    the softmax's place `live` is what it thinks of a living face.
    """

    name: str
    path: str
    sha256: str
    side: int
    scale: float
    live: int

    @property
    def judges(self) -> bool:
        """Whether it judges life."""
        return self.live != JUDGES_NOTHING


def recipes(told: str) -> list[Recipe]:
    """Read the networks that the box gives the worker, in JSON."""
    return [Recipe(**each) for each in json.loads(told)]
