"""A comparison through the worker against the bare model calls, on one core."""

import asyncio
import os
import time
from pathlib import Path
from statistics import median, quantiles

import cv2
import numpy as np

from bench.figure import Figure
from bench.memory import megabytes
from enrolment.adapters.faces.engine import FaceWorker
from enrolment.adapters.faces.models import Models
from enrolment.model.faces import Seen
from enrolment.rules.door_faces import FACES, SPAN
from gateway.demo.pictures import Pictures, cache
from gateway.wiring.faces import engine

TIMES = 30
FRAMES, AT_ONCE, SCANS = 60, 3, 100
PEOPLE, LOOKS = 10, 40


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
    await worker.close()
    ratio = median(through) / median(bare)
    what = f"face compare, {1000 * median(through):.0f} ms against bare model calls"
    return [
        Figure(what, ratio, "×", 1.3),
        Figure("face worker ready", ready, "s", 2),
        *await _scan(small, one),
    ]


async def _scan(pictures: list[bytes], one: set[int]) -> list[Figure]:
    """Return what ends a scan of sixty frames, and what a hundred scans leave behind.

    On one core, with the liveness network; frames are 640 x 480.
    """
    worker = engine(cache() / "models")
    await worker.start()
    os.sched_setaffinity(worker.pid or 0, one)
    document = (await worker.describe(pictures[1])).template
    frame = pictures[0]
    seen: list[Seen] = []
    for number in range(0, FRAMES, AT_ONCE):
        batch = [(number + each, frame) for each in range(AT_ONCE)]
        started = time.perf_counter()
        seen += await worker.measure(batch)
    await worker.relate(seen)
    await worker.match(document, seen[:5])
    decided = time.perf_counter() - started
    over = [await _compared(worker, frame, document) for _ in range(TIMES)]
    await worker.describe(_large(pictures[1]))
    beside = await _beside(worker, frame, document)
    begun = megabytes(worker.pid or 0)
    for _ in range(SCANS):
        seen = list(await worker.measure([(0.0, frame), (1.5, frame)]))
        await worker.relate(seen)
        await worker.match(document, seen)
    left = megabytes(worker.pid or 0) - begun
    peak = megabytes(worker.pid or 0, "VmHWM")
    await worker.close()
    return [
        Figure(
            "a scan's verdict after its last frames, on one core", decided, "s", 1.5
        ),
        Figure(
            "door: compared after a claim, over detection alone",
            1000 * median(over),
            "ms",
            120,
        ),
        Figure("door: a look while ten people enrol, p99 over idle", beside, "×", 2),
        Figure("face worker with liveness and eyes, peak memory", peak, "MB", 260),
        Figure("face worker, left behind by 100 scans", left, "MB", 5),
    ]


async def _compared(worker: FaceWorker, frame: bytes, template: bytes) -> float:
    """Return the seconds that a look costs beyond decoding and detecting a face."""
    picture = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    detector = Models().detector
    detector.setInputSize((picture.shape[1], picture.shape[0]))
    started = time.perf_counter()
    detector.detect(cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR))
    detected = time.perf_counter() - started
    started = time.perf_counter()
    seen = await worker.measure([(0.0, frame)], first=True)
    await worker.match(template, seen)
    return time.perf_counter() - started - detected


async def _beside(worker: FaceWorker, frame: bytes, template: bytes) -> float:
    """Return how much longer a look takes while ten people are scanned (p99)."""
    asking = True

    async def enrols() -> None:
        while asking:
            seen = await worker.measure([(0.1 * n, frame) for n in range(AT_ONCE)])
            await worker.relate(seen)

    idle = [await _look(worker, frame, template) for _ in range(LOOKS)]
    async with asyncio.TaskGroup() as tasks:
        for _ in range(PEOPLE):
            tasks.create_task(enrols())
        busy = [await _look(worker, frame, template) for _ in range(LOOKS)]
        asking = False
    return quantiles(busy, n=100)[-1] / quantiles(idle, n=100)[-1]


async def _look(worker: FaceWorker, frame: bytes, template: bytes) -> float:
    """Return the seconds from a claim at a door to what its look says of him.

    The camera gives as many frames as a look needs, over as long as it lasts.
    """
    started = time.perf_counter()
    seen: list[Seen] = []
    for number in range(FACES):
        due = started + number * SPAN / (FACES - 1)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        seen += await worker.measure([(due - started, frame)], first=True)
    await worker.relate(seen, first=True)
    await worker.match(template, seen, first=True)
    return time.perf_counter() - started


def _large(raw: bytes) -> bytes:
    """Return a photo as the largest of phones take it, of 48 million pixels."""
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    return bytes(cv2.imencode(".jpg", cv2.resize(picture, (6000, 8000)))[1])


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
