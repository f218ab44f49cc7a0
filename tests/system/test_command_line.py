"""The command line: answers in JSON, exit codes, one line where it cannot."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.demo.programs import free_port

LINE = """
[[lines]]
name = "{}"
port = "{}"
[[lines.readers]]
"""
TWO_LINES = LINE.format("hall", "/dev/a") + LINE


def lodge(*words: str, given: str = "") -> tuple[int, str, str]:
    told = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode, told.stdout, told.stderr


def test_help_costs_a_slow_machine_next_to_nothing() -> None:
    """Half a second of libraries on a desk is many on a small box."""
    asked = "import sys; from gateway.cli.root import app; app(['--help'])"
    tells = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {asked}"
    told = subprocess.run(
        [sys.executable, "-c", tells], capture_output=True, text=True, check=True
    )
    loaded = set(told.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"httpx", "sqlalchemy", "pydantic", "rich", "cv2", "fastapi"}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    port = str(free_port())
    code, told, _ = lodge(
        "init", str(tmp_path / "b"), "--plain", "--port", port, "--json"
    )
    assert code == 0
    return Path(json.loads(told)["config"])


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("0.0.0.0", "every address"),  # noqa: S104 - what is refused
        ("::", "every address"),
        ("https://box.example.org", "without https://"),
        ("box.example.org:8443", "without https://"),
        ("192.168.1.300", "no address"),
        ("two words", "no address"),
        ("", "no address"),
    ],
)
@pytest.mark.parametrize("verb", [("init",), ("station", "init")])
def test_an_address_that_nobody_can_reach_makes_nothing(
    tmp_path: Path, verb: tuple[str, ...], host: str, says: str
) -> None:
    folder = tmp_path / "b"
    code, _, complaint = lodge(*verb, str(folder), "--host", host)
    assert code == 2
    assert says in complaint
    assert len(complaint.splitlines()) == 1
    assert not folder.exists()


def test_an_init_that_fails_leaves_what_was_there_and_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "lodge.toml").mkdir()
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    for _ in range(2):
        code, _, complaint = lodge("init", str(tmp_path), "--plain")
        assert code == 2
        assert len(complaint.splitlines()) == 1
        assert {each.name for each in tmp_path.iterdir()} == {"lodge.toml", "mine"}


def test_a_name_or_an_address_as_people_write_it_is_taken(tmp_path: Path) -> None:
    for number, host in enumerate(("Box.Example.org.", "[fd00::1]", " 192.168.1.20 ")):
        folder = tmp_path / str(number)
        code, _, _ = lodge("init", str(folder), "--host", host)
        assert code == 0
        told = (folder / "lodge.toml").read_text("utf-8")
        plain = ("box.example.org", "fd00::1", "192.168.1.20")[number]
        assert f'host = "{plain}"' in told


def test_init_refuses_to_overwrite(box: Path) -> None:
    code, _, complaint = lodge("init", str(box.parent), "--plain")
    assert code == 2
    assert len(complaint.splitlines()) == 1


def test_reading_verbs_work_beside_nothing(box: Path) -> None:
    config = ("--config", str(box), "--json")
    code, told, _ = lodge("sync", "status", *config)
    assert (code, json.loads(told)["queued"]) == (0, 0)
    code, told, _ = lodge("audit", "verify", *config)
    assert (code, json.loads(told)) == (
        0,
        {"entries": 0, "ok": True, "first_bad": None},
    )
    code, told, _ = lodge("lock", "ls", *config)
    assert (code, json.loads(told)) == (0, [])


def test_a_changing_verb_needs_the_box_to_run(box: Path) -> None:
    code, _, complaint = lodge("pair", "http://127.0.0.1:1", "X", "--config", str(box))
    assert code == 2
    assert "start it first" in complaint


def test_doctor_names_what_is_wrong_and_the_mend(box: Path) -> None:
    code, told, _ = lodge("doctor", "--config", str(box), "--json")
    checks = {each["check"]: each for each in json.loads(told)}
    assert code == 1
    assert checks["ledger"]["ok"]
    assert not checks["station"]["ok"]
    assert "lodge pair" in checks["station"]["fix"]
    assert "card" in checks["key"]["detail"]


def test_f11_doctor_looks_at_encryption_access_audit_and_alarms(box: Path) -> None:
    def checks() -> dict[str, dict[str, str]]:
        _, told, _ = lodge("doctor", "--config", str(box), "--json")
        return {each["check"]: each for each in json.loads(told)}

    found = checks()
    names = ("encryption", "access", "ledger", "alarms", "key")
    assert all(found[each]["ok"] for each in names)
    (box.parent / "keys" / "box.key").chmod(0o644)
    found = checks()
    assert not found["access"]["ok"]
    assert "box.key" in found["access"]["detail"]
    shown = box.parent / "lodge.db"
    assert shown.read_bytes()[:16] != b"SQLite format 3\0"
    shown.write_bytes(b"SQLite format 3\0")
    assert not checks()["encryption"]["ok"]


def test_a_key_given_by_the_operator_opens_the_box_and_no_other_does(
    box: Path,
) -> None:
    key = box.parent / "keys" / "master.key"
    secret = key.read_text()
    key.unlink()
    box.write_text('key_source = "operator"\n' + box.read_text())
    config = ("--config", str(box), "--json")
    assert lodge("audit", "verify", *config, given=secret)[0] == 0
    for wrong in ("", "no key\n", "00" * 32 + "\n"):
        code, _, complaint = lodge("audit", "verify", *config, given=wrong)
        assert code == 2
        assert len(complaint.splitlines()) == 1


def test_doctor_says_that_nobody_asked_the_readers(box: Path) -> None:
    near, far = pty.openpty()
    config = box.read_text()
    port, gone = os.ttyname(far), box.parent / "none"
    for where, state in ((port, "not_asked"), (gone, "port_missing")):
        box.write_text(config + LINE.format("hall", where))
        _, told, _ = lodge("doctor", "--config", str(box), "--json")
        checks = {each["check"]: each for each in json.loads(told)}
        assert not checks["osdp:hall:0"]["ok"]
        assert state in checks["osdp:hall:0"]["detail"]
    os.close(near)
    os.close(far)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nonsense = 1\n", "nonsense"),
        ("[web]\nport = 'x'\n", "web.port"),
        ("[web]\nhost = '192.0.2.1'\n", "web"),
        ("not toml", "lodge.toml"),
        (TWO_LINES.format("hall", "/dev/b"), "lines"),
        (TWO_LINES.format("yard", "/dev/a"), "ports"),
    ],
)
def test_a_config_that_cannot_be_used_says_which_field(
    box: Path, text: str, field: str
) -> None:
    whole = 'box = "b"\n' + text
    box.write_text(whole)
    code, _, complaint = lodge("sync", "status", "--config", str(box))
    assert code == 2
    assert field in complaint


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [("330522199003150016", 0, None), ("330522199003150017", 1, "bad_check")],
)
def test_id_check_answers_by_exit_code(
    number: str, code: int, reason: str | None
) -> None:
    found, told, _ = lodge("id", "check", number, "--json")
    assert (found, json.loads(told)["reason"]) == (code, reason)


def test_face_compare_says_which_picture_is_none(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"no picture")
    code, told, _ = lodge("face", "compare", str(picture), str(picture), "--json")
    assert (code, json.loads(told)["reason"]) == (1, "live: not_a_picture")
    code, _, complaint = lodge("face", "compare", "missing.jpg", str(picture))
    assert code == 2
    assert "missing.jpg" in complaint


def test_networks_are_added_listed_and_held_to_their_sums(
    box: Path, shared: Path
) -> None:
    """MiniFASNetV2 is known by its hash; another file needs to be told how to ask."""
    config = ("--config", str(box), "--json")
    [file] = (shared / "models").glob("MiniFASNetV2*.onnx")
    code, told, _ = lodge("models", "add", str(file), *config)
    assert (code, json.loads(told)[0]["name"]) == (0, "MiniFASNetV2")
    code, told, _ = lodge("models", "ls", *config)
    assert [each["name"] for each in json.loads(told)] == ["MiniFASNetV2"]
    assert lodge("models", "verify", *config)[0] == 0
    other = box.parent / "other.onnx"
    other.write_bytes(b"nothing")
    for recipe in ((), ("--recipe", "80,2.7"), ("--recipe", "80,2.7,-1")):
        code, _, complaint = lodge("models", "add", str(other), *recipe, *config)
        assert (code, len(complaint.splitlines())) == (2, 1)
    held = box.parent / "models" / "MiniFASNetV2.onnx"
    held.write_bytes(held.read_bytes() + b"x")
    code, told, _ = lodge("models", "verify", *config)
    assert code == 1
    assert list(json.loads(told)["wrong"]) == ["MiniFASNetV2"]
    code, told, _ = lodge("doctor", *config)
    [faces] = [each for each in json.loads(told) if each["check"] == "faces"]
    assert not faces["ok"]
