"""Reads the text in a picture of a document; shut in like the face worker.

A process of its own: `python -m enrolment.adapters.faces.reader`. What it reads is
compared with what was claimed, and forgotten.
"""

import logging
import sys
from typing import Any

import cv2
import numpy as np

from enrolment.adapters.faces.pictures import Unusable, decode
from enrolment.adapters.faces.sandbox import shut_in
from enrolment.adapters.faces.worker import receive, send

SCORE_MIN = 0.5


def lines(engine: Any, raw: bytes) -> dict[str, Any]:
    """Return the lines of text in a picture, without those that are guesses."""
    try:
        picture, _ = decode(raw)
    except Unusable as error:
        return {"fault": str(error), "lines": []}
    found, _ = engine(picture)
    told = [(str(text), float(score)) for _, text, score in found or []]
    return {"lines": [each for each in told if each[1] >= SCORE_MIN]}


def main() -> None:
    """Serve on the standard streams."""
    # Loaded here: the face worker shares this module's neighbours, not its weight.
    from rapidocr_onnxruntime import RapidOCR  # noqa: PLC0415

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    logging.disable(logging.CRITICAL)  # a library must not tell what it reads
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
    written = np.full((240, 640, 3), 255, np.uint8)
    cv2.putText(written, "LODGE 12345", (40, 140), 0, 2, (0, 0, 0), 4)
    lines(engine, cv2.imencode(".png", written)[1].tobytes())  # all of it loaded
    send(sink, {"ready": True, "filtered": shut_in()})
    while (request := receive(source)) is not None:
        send(sink, lines(engine, request[1][0]))


if __name__ == "__main__":
    main()
