"""The face worker: bytes in, numbers out; no network, no store, no memory of anyone.

A process of its own: `python -m enrolment.adapters.faces.worker [RECIPES [ENGINE]]`.
Requests and answers are framed on stdin and stdout: four bytes of length, a JSON head,
then blobs. Models are opened before the sandbox closes.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import cv2
import numpy as np

from enrolment.adapters.faces.dlib_numbers import open_dlib
from enrolment.adapters.faces.frames import fused, measured, related
from enrolment.adapters.faces.models import THUMB, Found, Models, Timed
from enrolment.adapters.faces.pictures import Unusable, decode
from enrolment.adapters.faces.recipe import recipes
from enrolment.adapters.faces.sandbox import Unshut, shut_in

HEAD_MAX = 64 * 1024
BLOB_MAX = 16 * 1024 * 1024
BLOBS_MAX = 512

Answer = tuple[dict[str, Any], list[bytes]]


def compare(
    models: Models, live: list[bytes], document: list[bytes]
) -> tuple[dict[str, Any], list[bytes]]:
    """Compare the faces of two sides, each one picture or several of one person."""
    answer: dict[str, Any] = {"faces": []}
    ms: dict[str, float] = {}
    sides = []
    for name, pictures in (("live", live), ("document", document)):
        try:
            found = [_found(models, raw, ms, answer["faces"]) for raw in pictures]
        except Unusable as error:
            return {**answer, "fault": str(error), "at_fault": name, "ms": ms}, []
        sides.append(fused(found))
    answer["similarity"] = float(sides[0] @ sides[1])
    return {**answer, "ms": ms}, [sides[0].tobytes()]


def measure(models: Models, frames: list[bytes]) -> Answer:
    """Measure frames of a camera, each by itself."""
    seen, blobs = [], []
    for raw in frames:
        told = measured(models, raw)
        if "fault" not in told:
            blobs += [told.pop("thumb"), told.pop("embedding")]
        seen.append(told)
    return {"seen": seen}, blobs


def describe(models: Models, picture: bytes) -> Answer:
    """Turn the one face of a picture into its numbers."""
    try:
        found = _found(models, picture, {}, [])
    except Unusable as error:
        return {"fault": str(error)}, []
    return {}, [found.embedding.tobytes()]


def relate(head: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Say how a scan's frames relate: first all thumbs, then all templates."""
    half = len(blobs) // 2
    return {**related(blobs[:half], blobs[half:], head["at"])}, []


def match(blobs: list[bytes]) -> Answer:
    """Compare a document's template, the first, with the looks at one person, fused."""
    document, *looks = (np.frombuffer(each, np.float32) for each in blobs)
    whole = fused(looks)
    return {"similarity": float(whole @ document)}, [whole.tobytes()]


def alive(models: Models, picture: bytes) -> Answer:
    """Say what the liveness networks think of one picture, and what that takes."""
    ms: dict[str, float] = {}
    try:
        pixels, _ = decode(picture)
        row = models.one(pixels)
    except Unusable as error:
        return {"fault": str(error)}, []
    with Timed(ms, "liveness"):
        live = models.alive(pixels, row)
    if models.eyes is not None:
        with Timed(ms, "eyes"):
            models.points(pixels, row)
    return {"live": live, "ms": ms}, []


def act(models: Models, head: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Answer one request."""
    live = head.get("live", 0)
    acts: dict[str, Callable[[], Answer]] = {
        "compare": lambda: compare(models, blobs[:live], blobs[live:]),
        "describe": lambda: describe(models, blobs[0]),
        "measure": lambda: measure(models, blobs),
        "relate": lambda: relate(head, blobs),
        "match": lambda: match(blobs),
        "alive": lambda: alive(models, blobs[0]),
    }
    return acts[head["do"]]()


def serve(
    source: BinaryIO, sink: BinaryIO, told: str = "[]", engine: str = "sface"
) -> None:
    """Answer requests until the other side closes."""
    numbers = open_dlib() if engine == "dlib" else None
    models = Models(recipes(told), numbers)
    _warm(models)
    names = [recipe.name for recipe, _ in models.liveness]
    more = {"liveness": names, "eyes": models.eyes is not None, "engine": engine}
    ready = announced()
    send(sink, ready | more)
    while (request := receive(source)) is not None:
        answer, blobs = act(models, *request)
        send(sink, answer, *blobs)


def announced() -> dict[str, Any]:
    """Close the sandbox; return what a worker says of itself before it serves.

    One that cannot be shut in says why, and is not asked anything.
    """
    try:
        return {"ready": True, "account": shut_in()}
    except Unshut as error:
        return {"ready": False, "why": str(error)}


def send(sink: BinaryIO, head: dict[str, Any], *blobs: bytes) -> None:
    """Write one frame."""
    raw = json.dumps({**head, "sizes": [len(blob) for blob in blobs]}).encode()
    sink.write(len(raw).to_bytes(4) + raw)
    sink.writelines(blobs)
    sink.flush()


def receive(source: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Read one frame; None at the end."""
    length = source.read(4)
    if len(length) < len(b"size"):
        return None
    head = json.loads(source.read(min(int.from_bytes(length), HEAD_MAX)))
    sizes = head["sizes"][:BLOBS_MAX]
    return head, [source.read(min(size, BLOB_MAX)) for size in sizes]


def _found(
    models: Models, raw: bytes, ms: dict[str, float], faces: list[dict[str, Any]]
) -> Found:
    with Timed(ms, "decode"):
        picture, share = decode(raw)
    with Timed(ms, "detect"):
        row = models.one(picture)
    with Timed(ms, "embed"):
        found = models.look(picture, row)
    box = [int(value / share) for value in row[:4]]
    faces.append({"box": box, "score": round(float(row[-1]), 4)})
    return found


def _warm(models: Models) -> None:
    """Do everything once: what a library loads late it cannot load in the sandbox."""
    blank = cv2.imencode(".jpg", np.full((320, 320, 3), 127, np.uint8))[1].tobytes()
    one = np.ones(THUMB * THUMB, np.float16).tobytes()
    look = np.ones(128, np.float32).tobytes()
    act(models, {"do": "measure"}, [blank, b""])
    act(models, {"do": "compare", "live": 1}, [blank, b"GIF89a"])
    act(models, {"do": "describe"}, [b"\0\0\0\x18ftypheic"])
    act(models, {"do": "relate", "at": [0.0, 1.0]}, [one, one, look, look])
    act(models, {"do": "match"}, [look, look])


def main() -> None:
    """Serve on the standard streams."""
    # Whatever a library prints is not an answer.
    sink = sys.stdout.buffer
    sys.stdout = sys.stderr
    np.seterr(all="ignore")
    serve(sys.stdin.buffer, sink, *sys.argv[1:3])


if __name__ == "__main__":
    main()
