"""What the frames of a camera say of the face in them: numbers, never a verdict."""

from typing import Any

import cv2
import numpy as np

from enrolment.adapters.faces.models import THUMB, Found, Models, Numbers
from enrolment.adapters.faces.pictures import Picture, Unusable, decode, frame_fits

APART = 1.0
Relation = dict[str, float]


def measured(models: Models, raw: bytes) -> dict[str, Any]:
    """Measure one frame; the answer is ready to travel (see `Seen`)."""
    if not frame_fits(raw):
        return {"fault": "not_a_picture"}
    try:
        picture, _ = decode(raw)
    except Unusable as error:
        return {"fault": str(error)}
    rows = models.rows(picture)
    if len(rows) != 1:
        return {"fault": "several_faces" if rows else "no_face"}
    found = models.look(picture, rows[0])
    height, width = picture.shape[:2]
    x, y, wide, high = (float(each) for each in rows[0][:4])
    grey = np.asarray(cv2.cvtColor(found.aligned, cv2.COLOR_BGR2GRAY), np.uint8)
    return {
        "centre": [(x + wide / 2) / width, (y + high / 2) / height],
        "size": wide / width,
        **pose(rows[0]),
        "live": models.alive(picture, rows[0]),
        **models.points(picture, rows[0]),
        "sharp": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        "light": float(grey.mean()),
        "thumb": _thumb(grey),
        "embedding": found.embedding.tobytes(),
    }


def pose(row: Numbers) -> dict[str, float]:
    """Return how a head is held, from YuNet's five points, as shares of the face.

    `turn`: the nose's way from the middle of the eyes towards the person's own left,
    over the eyes' distance; about 0 straight ahead. `tilt`: the nose's height between
    eyes (0) and mouth (1); it falls when he looks up.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = row[4:14].reshape(5, 2)
    apart = float(np.linalg.norm(left_eye - right_eye)) or 1.0
    along = (left_eye - right_eye) / apart
    down = np.array([-along[1], along[0]])
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    high = float((mouth - eyes) @ down) or 1.0
    return {
        "turn": float((nose - eyes) @ along) / apart,
        "tilt": float((nose - eyes) @ down) / high,
    }


def fused(found: list[Found] | list[Numbers]) -> Numbers:
    """Return the mean of several looks at one face, at length one."""
    looks = [each.embedding if isinstance(each, Found) else each for each in found]
    mean = np.mean(np.stack(looks), axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def related(thumbs: list[bytes], templates: list[bytes], at: list[float]) -> Relation:
    """Say how a scan's frames relate (see `Related`); frames a second apart count."""
    faces = [np.frombuffer(each, np.float16).astype(np.float32) for each in thumbs]
    looks = [np.frombuffer(each, np.float32) for each in templates]
    apart = [
        float(np.abs(faces[one] - faces[other]).mean())
        for one in range(len(faces))
        for other in range(one + 1, len(faces))
        if at[other] - at[one] >= APART
    ]
    if not apart:
        return {"nearest": 0.0, "middle": 0.0, "same": 0.0}
    return {
        "nearest": min(apart),
        "middle": float(np.median(apart)),
        "same": min(float(looks[0] @ each) for each in looks),
    }


def _thumb(grey: Picture) -> bytes:
    """Return a face as 28 x 28 float16, mean 0, deviation 1: light does not count."""
    part = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    small = part.astype(np.float32)
    spread = float(small.std()) or 1.0
    raw: bytes = ((small - small.mean()) / spread).astype(np.float16).tobytes()
    return raw
