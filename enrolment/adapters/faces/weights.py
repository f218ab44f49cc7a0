"""The networks of a box that judge life, and eyes: files known by their hash."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from enrolment.adapters.faces.packages import PackageMissing, from_npm, from_pypi
from enrolment.adapters.faces.recipe import EYE, FACE, JUDGES_NOTHING, Recipe

LIST = "models.json"
# What a TFLite file says of itself.
TFLITE = b"TFL3"


class WeightsUnusable(Exception):
    """A model cannot be added or is not what it was; says what to do next."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that networks come in, and where their files lie in it, by name."""

    name: str
    members: Mapping[str, str]
    take: Callable[[str, Sequence[str]], Sequence[bytes]]


# What was measured (docs/accuracy.md); another file needs its recipe told.
KNOWN = (
    Recipe(
        "fr_liveness",
        "",
        "afa783b7e902fdfcf323a7240cac2a1c580c25314ea4161129dc1b0d100dc32d",
        side=128,
        scale=2.7,
        live=0,
    ),
    Recipe(
        "MiniFASNetV2",
        "",
        "4433e871ef03f6c4c13de1757e63dcd69db14b6d7d9cff2319cb274c0f6dbecb",
        side=80,
        scale=2.7,
        live=1,
    ),
    Recipe(
        FACE,
        "",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        side=192,
        scale=1.35,
        live=JUDGES_NOTHING,
    ),
    Recipe(
        EYE,
        "",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        side=64,
        scale=2.3,
        live=JUDGES_NOTHING,
    ),
)
DEFAULT = "fr_liveness"
PACKAGES = {
    DEFAULT: Package(
        "faceplugin-face-recognition-js@0.0.1",
        {DEFAULT: "package/model/fr_liveness.onnx"},
        from_npm,
    ),
    "eyes": Package(
        "mediapipe==0.10.14",
        {
            FACE: "mediapipe/modules/face_landmark/face_landmark.tflite",
            EYE: "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        },
        from_pypi,
    ),
}


def held(folder: Path) -> list[Recipe]:
    """Return the networks of a box, each with where its file is."""
    path = folder / LIST
    if not path.exists():
        return []
    told = json.loads(path.read_text(encoding="utf-8"))
    return [replace(Recipe(**each), path=str(folder / each["path"])) for each in told]


def add(folder: Path, file: Path, recipe: Recipe | None = None) -> Recipe:
    """Copy a network's file into a box's models; known by its hash, or by `recipe`."""
    raw = file.read_bytes()
    found = sha256(raw).hexdigest()
    known = next((each for each in KNOWN if each.sha256 == found), recipe)
    if known is None:
        raise WeightsUnusable(
            f"{file.name} is not a network that was measured: "
            "say how to ask it with --recipe SIDE,SCALE,LIVE"
        )
    return _put(folder, known, raw)


def fetch(folder: Path, name: str) -> list[Recipe]:
    """Take networks from their package, each checked by its hash."""
    package = PACKAGES.get(name)
    if package is None:
        known = " or ".join(PACKAGES)
        raise WeightsUnusable(f"{name} is in no package: give {known}, or a file")
    try:
        files = package.take(package.name, tuple(package.members.values()))
    except PackageMissing as error:
        raise WeightsUnusable(str(error)) from error
    added = []
    for one, raw in zip(package.members, files, strict=True):
        recipe = next(each for each in KNOWN if each.name == one)
        if sha256(raw).hexdigest() != recipe.sha256:
            raise WeightsUnusable(f"{package.name}: not the file that was measured")
        added.append(_put(folder, recipe, raw))
    return added


def recipe_of(name: str, told: str) -> Recipe | None:
    """Read a recipe as a person types it, `80,2.7,1`; None where nothing is told."""
    if not told:
        return None
    wrong = WeightsUnusable("a recipe is SIDE,SCALE,LIVE, as 80,2.7,1")
    try:
        side, scale, live = told.split(",")
        found = Recipe(name, "", "", int(side), float(scale), int(live))
    except ValueError as error:
        raise wrong from error
    if found.live < 0:
        raise wrong
    return found


def faults(folder: Path) -> dict[str, str]:
    """Return what is wrong with each network of a box, by name; empty: nothing."""
    wrong = {}
    for each in held(folder):
        path = Path(each.path)
        if not path.exists():
            wrong[each.name] = "its file is gone"
        elif sha256(path.read_bytes()).hexdigest() != each.sha256:
            wrong[each.name] = "its file is not the one that was added"
    return wrong


def told(recipes: Sequence[Recipe]) -> str:
    """Return networks as the worker takes them, in JSON."""
    return json.dumps([asdict(each) for each in recipes])


def _put(folder: Path, recipe: Recipe, raw: bytes) -> Recipe:
    """Keep a network's file, and how to ask it; the file says what format it is."""
    path = recipe.name + (".tflite" if raw[4:8] == TFLITE else ".onnx")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(raw)
    added = replace(recipe, path=path, sha256=sha256(raw).hexdigest())
    _keep(folder, [*(each for each in _told(folder) if each.name != added.name), added])
    return replace(added, path=str(folder / path))


def _told(folder: Path) -> list[Recipe]:
    return [replace(each, path=Path(each.path).name) for each in held(folder)]


def _keep(folder: Path, recipes: Sequence[Recipe]) -> None:
    path = folder / LIST
    path.write_text(told(recipes) + "\n", encoding="utf-8")
