"""What is looked at of faces: whether they may be, and who looks at them."""

from collections.abc import Iterator
from pathlib import Path

from enrolment.model.assessment import Feature, Off
from enrolment.rules.assessment import off
from enrolment.rules.days import day_here
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.filing import FILED_FROM, Filing, filing
from gateway.assessment import read as read_assessment
from gateway.examination.check import Check, ask_box
from gateway.settings import LodgeSettings
from gateway.wiring.faces import faults_of_models, held_models, missing
from gateway.wiring.readers import remains
from ledger.clock import SystemClock
from ledger.errors import LedgerError


def faces(settings: LodgeSettings) -> Iterator[Check]:
    """Look at the networks, at the worker that runs, and at how many are stored."""
    models = settings.at(settings.faces.models)
    wrong = faults_of_models(models)
    if missing(settings.faces.engine):
        detail = f"{settings.faces.engine.value} is chosen and not installed"
        yield Check("faces", ok=False, detail=detail, fix="`make dlib`, or `sface`")
    elif wrong:
        detail = ", ".join(f"{name}: {why}" for name, why in wrong.items())
        fix = "`lodge models add` them again"
        yield Check("faces", ok=False, detail=detail, fix=fix)
    else:
        yield Check("faces", ok=True, detail=_looked_at(settings, models))
    yield _worker(settings)
    try:
        stored = remains(settings)["templates"]
    except LedgerError:
        return  # that the ledger cannot be read is said already
    stands = filing(stored)
    detail = f"{stored} templates; {FILED_FROM} have to be filed"
    yield Check("stored faces", ok=not FILE[stands], detail=detail, fix=FILE[stands])


def _worker(settings: LodgeSettings) -> Check:
    """Look at the running worker as the kernel tells of it, not as it does itself."""
    told = ask_box(settings, "/faces")
    if told is None:
        fix = "start the box: only a worker that runs can be looked at"
        return Check("face worker", ok=False, detail="not known", fix=fix)
    if told["pid"] is None:
        detail = f"no face is looked at: {told['why'] or 'it does not run'}"
        fix = "mend what it names, or look at the box's log"
        return Check("face worker", ok=False, detail=detail, fix=fix)
    try:
        status = Path(f"/proc/{told['pid']}/status").read_text("ascii", "replace")
    except OSError:
        fix = "look again"
        return Check("face worker", ok=False, detail="it just ended", fix=fix)
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    wide = [
        what
        for what, good in (
            ("the kernel filters nothing it asks", lines["Seccomp"].strip() == "2"),
            ("it may gain powers", lines["NoNewPrivs"].strip() == "1"),
            ("it has powers", int(lines["CapEff"], 16) == 0),
            ("it runs as root", "0" not in lines["Uid"].split()),
        )
        if not good
    ]
    detail = (
        "; ".join(wide) or f"shut in: a list of calls, no powers, {told['account']}"
    )
    fix = "stop the box, and look who started that program" if wide else ""
    return Check("face worker", not wide, detail, fix)


FILE = {
    Filing.FREE: "",
    Filing.NEAR: "prepare the filing with the provincial network information office",
    Filing.DUE: "file with the provincial network information office within 30 working "
    "days",
}


def _looked_at(settings: LodgeSettings, models: Path) -> str:
    told = read_assessment(settings.at(settings.faces.assessment))
    why = off(told, Feature.FACE_SCAN, day_here(SystemClock().now()))
    if why is None and not any(each.judges for each in held_models(models)):
        why = Off.NO_LIVENESS
    state = f"off: {why.value}; people look at documents" if why else "on"
    chosen = settings.faces.engine
    return f"{state}, {chosen.value}: {THRESHOLDS[chosen].measured}"
