"""Faces: the worker that looks at pictures, and its other end in the box."""

import os

BYTES_MAX = 12 * 1024 * 1024
PIXELS_MAX = 16_000_000
# Read when cv2 is imported, wherever that is first.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(PIXELS_MAX)
