"""What the project promises about itself."""

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from enum import Enum
from pathlib import Path
from typing import get_type_hints

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from jinja2 import Environment
from jinja2.ext import babel_extract
from sqlalchemy import MetaData
from typer.main import get_command

from cloud_sync.model import DeliveryState
from devices.model.approvals import Answer, ApprovalKind
from devices.model.firmware import Step
from devices.model.keys import CredentialState, KeyKind, KeyState, Refusal
from devices.model.locks import Bolt, CommandState, WhenAlone
from devices.model.places import Sharing
from devices.model.tasks import Incident, Light, TaskKind
from enrolment.model.consents import ConsentKind
from enrolment.model.documents import (
    CardStep,
    DocumentKind,
    Evidence,
    Fault,
    OutsideAnswer,
)
from enrolment.model.faces import (
    Advice,
    Challenge,
    Comparison,
    Description,
    FaceFault,
    FaceVerdict,
    Flaw,
    Match,
    Related,
    Seen,
)
from enrolment.model.leases import Stage
from enrolment.model.rights import Basis, RequestKind
from enrolment.ports import FaceEngine
from firmware_bridge.osdp.health import Health
from gateway.cli.root import app
from gateway.examination.wires import MENDS, NOT_ASKED
from gateway.settings import LodgeSettings
from gateway.web.site import words
from gateway.wiring.stores import METADATA, MIGRATIONS
from ledger.file import LedgerFile
from ledger.migrating import bring_up_to_date
from station.wiring import METADATA as STATION_METADATA
from station.wiring import MIGRATIONS as STATION_MIGRATIONS
from station.wiring import words as station_words

ROOT = Path(__file__).parents[2]
NAMES = {
    "gateway",
    "station",
    "cloud_sync",
    "firmware_bridge",
    "enrolment",
    "devices",
    "porch",
    "ledger",
}
KEYED = {
    "doc": DocumentKind,
    "light": Light,
    "task": TaskKind,
    "bolt": Bolt,
    "stage": Stage,
    "face-for-landlord": FaceVerdict,
    "key": KeyState,
    "pin": CredentialState,
    "delivery": DeliveryState,
    "fault": Fault,
    "picture": FaceFault,
    "detail": Refusal,
    "kind": KeyKind,
    "opener": KeyKind,
    "command": CommandState,
    "incident": Incident,
    "card": CardStep,
    "alone": WhenAlone,
    "firmware": Step,
    "ask": ApprovalKind,
    "move": Challenge,
    "advice": Advice,
    "state": OutsideAnswer,
    "flaw": Flaw,
    "evidence": Evidence,
    "source": Evidence,
    "consent": ConsentKind,
    "basis": Basis,
    "request": RequestKind,
    "answer": Answer,
    "sharing": Sharing,
}


@pytest.mark.parametrize(("prefix", "kinds"), KEYED.items())
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_state_that_a_page_shows_has_words(
    prefix: str, kinds: type[Enum], language: str
) -> None:
    known = words()
    for kind in kinds:
        key = f"{prefix}/{kind.value}"
        assert known.translate(language, key) != key


def texts(folder: Path) -> set[str]:
    found = set()
    for page in folder.glob("*.html"):
        with page.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ["_", "ngettext"], [], {}):
                found.add(message if isinstance(message, str) else (message or "/")[0])
    return {text for text in found if text and not text.endswith("/")}


def titles(folder: Path) -> set[str]:
    """Return the sentences of every Problem and of every failure's table."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "")
            given = node.args[2:3] if named == "Problem" else []
            found |= {arg.value for arg in given if isinstance(arg, ast.Constant)}
            if isinstance(node, ast.Tuple) and len(node.elts) == 3:
                last = node.elts[2]
                first = node.elts[0]
                both = isinstance(last, ast.Constant) and isinstance(
                    first, ast.Constant
                )
                if both and isinstance(first.value, int) and first.value >= 400:
                    found.add(last.value)
    return found


@pytest.mark.parametrize(
    ("pages", "code", "known"),
    [
        ("porch/pages", "porch", words()),
        ("gateway/web/pages", "gateway", words()),
        ("station/web/pages", "station", station_words()),
    ],
)
def test_every_text_of_a_page_is_translated(pages: str, code: str, known) -> None:
    wanted = texts(ROOT / pages) | titles(ROOT / code)
    missing = {
        text
        for text in wanted
        if known.translate("zh_CN", text) == text
        and known.catalogues["zh_CN"].ngettext(text, text, 2) == text
    }
    assert missing == set()


def test_every_template_can_be_read() -> None:
    found = [each for name in NAMES for each in (ROOT / name).rglob("pages/*.html")]
    for page in found:
        Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse(
            page.read_text(encoding="utf-8")
        )


@pytest.mark.parametrize(
    ("folder", "metadata"),
    [(MIGRATIONS, METADATA), (STATION_MIGRATIONS, STATION_METADATA)],
)
def test_migrations_lead_to_the_tables_of_the_code(
    folder: Path, metadata: tuple[MetaData, ...], tmp_path: Path
) -> None:
    file = LedgerFile(tmp_path / "x.db", b"k" * 32, "box")
    bring_up_to_date(file, folder)
    engine = file.engine(writing=True)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, list(metadata)) == []
    engine.dispose()


def test_every_route_goes_through_the_guard() -> None:
    marked = 0
    for path in [*ROOT.glob("gateway/web/*.py"), *ROOT.glob("station/web/*.py")]:
        text = path.read_text()
        marked += text.count("@route(")
        assert path.name.startswith("control") or not re.search(
            r"@\w+\.(get|post)\(", text
        )
    assert marked > 25


def test_the_wheel_claims_only_our_names(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as whole:
        tops = {name.split("/")[0] for name in whole.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == NAMES


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a copy without history")
def test_no_top_level_folder_is_unlisted() -> None:
    tracked = subprocess.run(
        ["/usr/bin/git", "ls-files"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    assert folders <= NAMES | {
        "tests",
        "docs",
        "bench",
        "systemd",
        "packaging",
        ".ci",
    }


def test_the_lock_names_no_registry_and_pins_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pins = re.findall(r"^[a-z0-9-]+(?:\[[a-z]+\])?==", lock, re.MULTILINE)
    assert len(pins) == len(
        re.findall(r"--hash=sha256:.*?(?=\n[a-z]|\Z)", lock, re.DOTALL)
    )


def test_every_dependency_is_pinned_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text()
    for wanted in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name = re.split(r"[<>=\[]", wanted)[0]
        assert re.search(rf"^{name}==", lock, re.MULTILINE), name


def verbs(command, prefix: str = "lodge") -> list[str]:
    inner = getattr(command, "commands", None)
    if not inner:
        return [prefix]
    return [
        verb for name, each in inner.items() for verb in verbs(each, f"{prefix} {name}")
    ]


def test_every_verb_is_documented() -> None:
    documented = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [verb for verb in verbs(get_command(app)) if verb not in documented]
    assert missing == []


def fields(model, prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if hasattr(inner, "model_fields"):
            found += fields(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


def test_every_setting_is_documented() -> None:
    documented = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = [name for name in fields(LodgeSettings) if name != "home"]
    assert [name for name in told if f"`{name}`" not in documented] == []


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme


def test_f12_there_is_no_way_to_search_a_face_among_many() -> None:
    for path in ROOT.glob("enrolment/**/*.py"):
        text = path.read_text()
        assert not re.search(r"def \w*(search|identify_among|watch)\w*\(", text)


def test_f12_faces_are_compared_one_to_one_and_nothing_else_is_told_of_them() -> None:
    """By the whole of what the face engine may be asked, and of what it answers."""
    asked = {
        name: set(inspect.signature(each).parameters) - {"self", "first"}
        for name, each in vars(FaceEngine).items()
        if inspect.iscoroutinefunction(each)
    }
    assert asked == {
        "compare": {"live", "document"},
        "describe": {"picture"},
        "measure": {"frames"},  # of one camera
        "relate": {"seen"},  # those frames among each other
        "match": {"document", "looks"},  # one template, one person's looks
    }
    assert get_type_hints(FaceEngine.match)["document"] is bytes
    told = {
        each.name
        for kind in (Comparison, Description, Seen, Related, Match)
        for each in dataclasses.fields(kind)
    }
    inferred = r"age|sex|gender|race|ethnic|nation|mood|emotion|smil|glasses|beard|who"
    assert not [each for each in told if re.search(rf"^({inferred})(_|$)", each)]


def test_f12_a_template_is_read_for_its_own_person_alone() -> None:
    places = [
        (path.name, line.strip())
        for name in NAMES
        for path in (ROOT / name).rglob("*.py")
        for line in path.read_text().splitlines()
        if "template.c.sealed" in line
    ]
    one = (
        "query = select(rows.template.c.sealed).where(rows.template.c.tenant == tenant)"
    )
    assert places == [("consents.py", one)]


def test_every_state_of_a_reader_has_its_mend() -> None:
    guide = (ROOT / "docs" / "wiring.md").read_text()
    assert set(MENDS) == {*(each.value for each in Health), NOT_ASKED}
    for each in MENDS:
        assert f"`{each}`" in guide, each
