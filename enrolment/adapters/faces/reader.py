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
from enrolment.adapters.faces.worker import announced, receive, send

SCORE_MIN = 0.5
ONE_THREAD = {
    f"EngineConfig.onnxruntime.{each}": 1
    for each in ("intra_op_num_threads", "inter_op_num_threads")
}


def lines(engine: Any, raw: bytes) -> dict[str, Any]:
    """Return the lines of text in a picture, without those that are guesses."""
    try:
        picture, _ = decode(raw)
    except Unusable as error:
        return {"fault": str(error), "lines": []}
    found = engine(picture)
    told = [
        (str(text), float(score))
        for text, score in zip(found.txts or (), found.scores or (), strict=True)
    ]
    return {"lines": [each for each in told if each[1] >= SCORE_MIN]}


def main() -> None:
    """Serve on the standard streams."""
    # Loaded here: the face worker shares this module's neighbours, not its weight.
    from rapidocr import RapidOCR  # noqa: PLC0415

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    logging.disable(logging.CRITICAL)  # a library must not tell what it reads
    engine = RapidOCR(params=ONE_THREAD)
    written = np.full((240, 640, 3), 255, np.uint8)
    cv2.putText(written, "LODGE 12345", (40, 140), 0, 2, (0, 0, 0), 4)
    lines(engine, cv2.imencode(".png", written)[1].tobytes())  # all of it loaded
    send(sink, announced())
    while (request := receive(source)) is not None:
        send(sink, lines(engine, request[1][0]))


if __name__ == "__main__":
    main()
