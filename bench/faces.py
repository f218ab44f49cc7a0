"""A comparison through the worker against the bare model calls, on one core."""

import os
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from bench.figure import Figure
from enrolment.adapters.faces.engine import FaceWorker
from enrolment.adapters.faces.models import Models
from gateway.demo.pictures import Pictures

TIMES = 30


async def measure(folder: Path) -> list[Figure]:
    """Return the ratio, the worker's start in seconds, its peak memory in MB."""
    del folder
    pictures = Pictures.find()
    small = [_small(raw) for raw in (pictures.live, pictures.document)]
    worker = FaceWorker()
    started = time.perf_counter()
    await worker.start()
    ready = time.perf_counter() - started
    affinity = os.sched_getaffinity(0)
    one = {min(affinity)}
    os.sched_setaffinity(0, one)
    os.sched_setaffinity(worker.pid or 0, one)
    through, bare = [], []
    models = Models()
    for _ in range(TIMES):
        started = time.perf_counter()
        found = await worker.compare(*small)
        if found.fault is not None:
            raise ValueError(found.fault)
        through.append(time.perf_counter() - started)
        bare.append(_bare(models, small))
    os.sched_setaffinity(0, affinity)
    for _ in range(TIMES // 3):
        await worker.compare(pictures.live, pictures.document)
    peak = _peak(worker.pid or 0)
    await worker.close()
    ratio = median(through) / median(bare)
    what = f"face compare, {1000 * median(through):.0f} ms against bare model calls"
    return [
        Figure(what, ratio, "×", 1.3),
        Figure("face worker ready", ready, "s", 2),
        Figure("face worker, peak memory", peak, "MB", 260),
    ]


def _small(raw: bytes) -> bytes:
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    width = picture.shape[1]
    upper = picture[: width * 3 // 4]
    return bytes(cv2.imencode(".jpg", cv2.resize(upper, (640, 480)))[1])


def _bare(models: Models, pictures: list[bytes]) -> float:
    started = time.perf_counter()
    for raw in pictures:
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
        height, width = picture.shape[:2]
        models.detector.setInputSize((width, height))
        _, faces = models.detector.detect(picture)
        models.recognizer.feature(models.recognizer.alignCrop(picture, faces[0]))
    return time.perf_counter() - started


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
