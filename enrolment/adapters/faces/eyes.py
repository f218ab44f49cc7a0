"""How far a person's eyes are open, and whether his face is whole, by two networks.

One finds the points of a face, one the lids of an eye.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from enrolment.adapters.faces.pictures import Picture
from enrolment.adapters.faces.recipe import Recipe

# Outer and inner corner of the right eye, inner and outer of the left, among the 468
# points of MediaPipe's face mesh.
CORNERS = ((33, 133), (362, 263))
# Among the points of an eye: pairs of lower and upper lid.
LIDS = ((3, 11), (4, 12), (5, 13))
FACE_POINTS, EYE_POINTS = 468, 71

Points = NDArray[np.float64]


class Eyes:
    """MediaPipe's face and iris landmark networks (Apache-2.0), asked one by one."""

    def __init__(self, face: tuple[Recipe, Any], eye: tuple[Recipe, Any]) -> None:
        self.face, self.eye = face, eye

    def look(self, picture: Picture, row: NDArray[np.float32]) -> tuple[float, float]:
        """Return how far the lids are apart, and how sure a whole face is there.

        The first over the way from eyes to mouth; 0: shut. A picture that is turned or
        tilted shrinks both alike, so that no still shuts its eyes by that. The second
        is the network's own log-odds.
        """
        points, whole = self._points(picture, row)
        found = [
            self._lids(picture, points[one], points[other], mirrored=bool(number))
            for number, (one, other) in enumerate(CORNERS)
        ]
        return float(np.mean(found)) / _high(row), whole

    def _points(
        self, picture: Picture, row: NDArray[np.float32]
    ) -> tuple[Points, float]:
        """Return the points of a face, in the picture's pixels; how whole it is."""
        recipe, net = self.face
        box = row[:4].astype(np.float64)
        along = (row[6:8] - row[4:6]).astype(np.float64)
        side = recipe.scale * float(box[2:].max())
        part, back = _cut(picture, box[:2] + box[2:] / 2, along, side, recipe.side)
        points, rest = _ask(net, part, FACE_POINTS)
        whole = next(float(each.ravel()[0]) for each in rest if each.size == 1)
        return np.asarray(points @ back[:, :2].T + back[:, 2], np.float64), whole

    def _lids(
        self, picture: Picture, one: Points, other: Points, *, mirrored: bool
    ) -> float:
        """Return how far the lids of an eye are apart, in pixels of the picture."""
        recipe, net = self.eye
        along = other - one
        side = recipe.scale * float(np.linalg.norm(along))
        part, _ = _cut(picture, (one + other) / 2, along, side, recipe.side)
        # The network knows right eyes, the outer corner at its left.
        part = np.ascontiguousarray(part[:, ::-1]) if mirrored else part
        points, _ = _ask(net, part, EYE_POINTS)
        apart = [np.linalg.norm(points[low] - points[up]) for low, up in LIDS]
        return float(np.mean(apart)) * side / recipe.side


def _high(row: NDArray[np.float32]) -> float:
    """Return the way from eyes to mouth, upright, by YuNet's five points, in pixels."""
    right, left, _, *mouth = row[4:14].reshape(5, 2).astype(np.float64)
    along = left - right
    down = np.array([-along[1], along[0]]) / (float(np.linalg.norm(along)) or 1.0)
    way = sum(mouth) / len(mouth) - (right + left) / 2
    return abs(float(way @ down)) or 1.0


def _cut(
    picture: Picture, centre: Points, along: Points, side: float, pixels: int
) -> tuple[Picture, Points]:
    """Cut out a square, turned as `along` lies; return it and the way back (2 x 3)."""
    share, half = side / pixels, pixels / 2
    cosine, sine = share * along / (float(np.linalg.norm(along)) or 1.0)
    turned = np.array([[cosine, -sine], [sine, cosine]])
    back = np.column_stack([turned, centre - turned @ [half, half]])
    part = cv2.warpAffine(
        picture,
        back,
        (pixels, pixels),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(part, np.uint8), back


def _ask(net: Any, part: Picture, points: int) -> tuple[Points, list[Any]]:
    """Return so many points, in pixels of the part, and what else is told.

    Their depth is left out.
    """
    net.setInput(cv2.dnn.blobFromImage(part, 1 / 255, swapRB=True))
    told = [*map(np.asarray, net.forward(net.getUnconnectedOutLayersNames()))]
    found = next(each for each in told if each.size == 3 * points)
    return np.asarray(found.reshape(points, 3)[:, :2], np.float64), told
