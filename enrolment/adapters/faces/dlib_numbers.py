"""The numbers that dlib's network gives a face (the `face_recognition` package).

Only ever in the worker: without its models the package ends the program it is in.
"""

from collections.abc import Callable

import cv2
import numpy as np

from enrolment.adapters.faces.models import Numbers
from enrolment.adapters.faces.pictures import Picture


class DlibMissing(Exception):
    """dlib is not installed; `make dlib`, or choose the engine `sface`."""


def open_dlib() -> Callable[[Picture, Numbers], Numbers]:
    """Return what turns a face, found by YuNet, into dlib's 128 numbers."""
    try:
        # Not among what a box needs: whoever chooses it installs it.
        import face_recognition  # type: ignore[import-not-found] # noqa: PLC0415
    except (ImportError, SystemExit) as error:
        raise DlibMissing("dlib is not installed: `make dlib`") from error

    def numbers(picture: Picture, row: Numbers) -> Numbers:
        x, y, wide, high = (round(float(each)) for each in row[:4])
        box = (y, x + wide, y + high, x)
        colours = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        [found] = face_recognition.face_encodings(colours, [box], model="small")
        return np.asarray(found, np.float32)

    return numbers
