"""How well faces are told apart and living ones known, on labelled pictures."""

from pathlib import Path

import pytest

from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import EngineName, FaceVerdict
from enrolment.rules.faces import assess
from gateway.accuracy.attacks import NoNetwork, evaluate_attacks
from gateway.accuracy.pairs import ListUnusable, evaluate_pairs
from gateway.accuracy.rates import Scored, det, eer, rates, wilson
from gateway.accuracy.report import write
from gateway.demo.pictures import cache
from gateway.wiring.faces import engine

SFACE_TEMPLATE = b"\0" * 512


def test_rates_count_an_unusable_pair_as_no_match() -> None:
    scored = [
        Scored(same=True, group="g", similarity=0.9),
        Scored(same=True, group="g", similarity=None),
        Scored(same=False, group="g", similarity=0.6),
        Scored(same=False, group="g", similarity=None),
    ]
    found = rates(scored)
    assert (found["fmr"], found["fnmr"], found["accuracy"]) == (0.5, 0.5, 0.5)


def test_an_interval_holds_its_share_and_narrows_with_more_pairs() -> None:
    low, high = wilson(5, 100)
    assert low < 0.05 < high
    wide, narrow = wilson(5, 50), wilson(50, 500)
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    assert wilson(0, 0) is None


async def test_a_list_of_pairs_that_cannot_be_read_says_which_line(
    tmp_path: Path,
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b,same,group\nx.jpg,y.jpg,1,g\n")
    with pytest.raises(ListUnusable, match="line 2"):
        await evaluate_pairs(tmp_path, pairs)
    pairs.write_text("a,b\n")
    with pytest.raises(ListUnusable, match="columns"):
        await evaluate_pairs(tmp_path, pairs)


async def test_sixty_labelled_pairs_are_told_apart(
    shared: Path, tmp_path: Path
) -> None:
    root = shared / "faces" / "dev"
    lines = (root / "pairs.csv").read_text().splitlines()
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("\n".join([lines[0], *lines[1::7]]) + "\n")
    found, scored = await evaluate_pairs(root, pairs)
    assert found["pairs"] >= 55
    assert found["fmr"] <= 0.05
    assert found["fnmr"] <= 0.2
    assert set(found["groups"]) == {"lfw_ea", "lfw_other"}
    told = write(tmp_path / "report", found, scored, None, {})
    assert "lfw_ea" in told[0].read_text()
    assert told[1].read_text().count("<polyline") == 3


async def test_several_frames_of_one_side_are_fused(
    shared: Path, tmp_path: Path
) -> None:
    root = shared / "faces" / "dev"
    live = sorted((root / "nuaa" / "live" / "0006").glob("*.jpg"))[:3]
    frames = "|".join(str(each.relative_to(root)) for each in live)
    document = next((root / "camera").glob("*.jpg")).relative_to(root)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"a,b,same,group\n{frames},{document},1,g\n")
    found, [scored] = await evaluate_pairs(root, pairs)
    assert (found["pairs"], found["unusable"]) == (1, 0)
    assert assess(scored.similarity) is FaceVerdict.SAME


@pytest.fixture
def networks() -> Path:
    folder = cache() / "models"
    if not (folder / "models.json").exists():
        pytest.skip("the liveness network is not in the cache; `make test` puts it")
    return folder


async def test_prints_are_told_from_living_people(
    shared: Path, networks: Path, tmp_path: Path
) -> None:
    root = shared / "faces" / "dev"
    found, judged = await evaluate_attacks(root, root / "pad.csv", networks)
    assert found["frames"] == 120
    assert found["apcer"] <= 0.05
    assert found["bpcer"] <= 0.1
    assert set(found["networks"]) == set(judged) == {"fr_liveness"}
    told = write(tmp_path, EMPTY | NO_RATES, [], found, judged)
    assert "fr_liveness" in told[0].read_text()
    assert set(found["kinds"]) == {"print"}
    assert found["kinds"]["print"]["apcer"] == found["apcer"]
    assert found["ms"]["liveness"] > 0
    assert "| print |" in told[0].read_text()
    assert "<polyline" in told[2].read_text()


NO_RATES = dict.fromkeys(("fmr", "fmr_95", "fnmr", "fnmr_95", "eer"))


EMPTY = {
    "pairs": 0,
    "unusable": 0,
    "threshold": 0.45,
    "groups": {},
    "ms": {},
} | NO_RATES


async def test_without_a_network_nothing_is_measured(
    shared: Path, tmp_path: Path
) -> None:
    root = shared / "faces" / "dev"
    with pytest.raises(NoNetwork, match="models add"):
        await evaluate_attacks(root, root / "pad.csv", tmp_path)


def test_a_curve_falls_and_crosses() -> None:
    curve = det([0.9, 0.8, 0.3], [0.1, 0.2, 0.7])
    false, missed = [p[1] for p in curve], [p[2] for p in curve]
    assert false == sorted(false, reverse=True)
    assert missed == sorted(missed)
    assert eer([0.9, 0.8, 0.3], [0.1, 0.2, 0.7]) == pytest.approx(1 / 3, abs=1e-4)
    assert det([], [0.1]) == []


DLIB = cache() / "dlib"


@pytest.fixture
def with_dlib(monkeypatch) -> None:
    if not (DLIB / "face_recognition").exists():
        pytest.skip("dlib is not in the cache; `make test` puts it")
    monkeypatch.setenv("PYTHONPATH", str(DLIB))


@pytest.mark.usefixtures("with_dlib")
async def test_dlib_gives_numbers_that_only_dlib_reads(shared: Path) -> None:
    folder = shared / "faces" / "dev"
    live = min((folder / "nuaa" / "live" / "0006").glob("*.jpg")).read_bytes()
    document = next((folder / "camera").glob("*.jpg")).read_bytes()
    worker, other = engine(name=EngineName.DLIB), engine()
    try:
        described = await worker.describe(document)
        seen = await worker.measure([(0.0, live)])
        match = await worker.match(described.template, seen)
        assert 0.8 < match.similarity <= 1
        assert assess(match.similarity, EngineName.DLIB) is not FaceVerdict.DIFFERENT
        assert worker.ready["ready"]
        for one, template in ((other, match.template), (worker, SFACE_TEMPLATE)):
            with pytest.raises(FaceEngineDown, match="another engine"):
                await one.match(template, seen)
    finally:
        await worker.close()
        await other.close()


async def test_an_engine_that_is_not_there_is_down_and_nothing_else(
    monkeypatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    worker = engine(name=EngineName.DLIB)
    with pytest.raises(FaceEngineDown):
        await worker.start()
    await worker.close()


def test_engines_stand_side_by_side_in_the_report(tmp_path: Path) -> None:
    scored = [Scored(same=True, group="g", similarity=0.9)]
    told = {
        "pairs": 1,
        "unusable": 0,
        "threshold": 0.45,
        "engine": "sface",
        "groups": {"g": rates(scored)},
        "ms": {"embed": 28},
        **rates(scored),
    }
    other = {**told, "engine": "dlib", "threshold": 0.95}
    page, _ = write(tmp_path, told, scored, None, {}, [other])
    text = page.read_text()
    assert "| dlib | g | 0.95 |" in text
    assert "38.5 %" in text
