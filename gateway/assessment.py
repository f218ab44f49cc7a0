"""The impact assessment as a file that the operator fills in."""

import tomllib
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from enrolment.model.assessment import Assessment
from enrolment.rules.assessment import QUESTIONS

FORM = """# Impact assessment for faces (PIPL 55 and 56). No face is looked at before
# every question is answered and the dates stand. Keep it three years.
# Standards: GB/T 35273-2020, GB/T 41819-2022, GB/T 40660-2021.
made = {made}
review_by = {review_by}
# Add "face_at_door" where residents may have their face looked at after their PIN.
features = ["face_scan"]

[answers]
"""
HINTS = {
    "purpose": "What are faces compared for, and for whose benefit?",
    "necessity": "Why is looking at the document not enough for those who choose it?",
    "effects": "What happens to a person when the comparison is wrong?",
    "risks": "What could be lost or misused, by whom? See docs/accuracy.md.",
    "measures": "What stands against it: encryption, retention, who has access?",
    "alternatives": "What may a person choose instead, and what does it cost him?",
}


def form(today: date, answers: dict[str, str] | None = None) -> str:
    """Return an assessment to be filled in, or filled in already."""
    told = answers or {}
    review = today + timedelta(days=365)
    lines = [FORM.format(made=today, review_by=review)]
    for each in QUESTIONS:
        answer = told.get(each, "").replace('"', "'")
        lines.append(f'# {HINTS[each]}\n{each} = "{answer}"\n')
    return "".join(lines)


def read(path: Path) -> Assessment | None:
    """Return the assessment as it stands; None where there is none to be read."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
        told = tomllib.loads(text)
        made, review = told["made"], told["review_by"]
        features, answers = told["features"], told["answers"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        return None
    if not isinstance(made, date) or not isinstance(review, date):
        return None
    if not isinstance(features, list) or not isinstance(answers, dict):
        return None
    texts = {str(key): str(value) for key, value in answers.items()}
    known = frozenset(map(str, features))
    return Assessment(made, review, known, texts, sha256(raw).hexdigest(), text)
