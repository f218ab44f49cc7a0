"""What the similarity of two faces means, by the engine that measured it."""

from collections.abc import Mapping
from dataclasses import dataclass

from enrolment.model.faces import EngineName, FaceVerdict


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosines from which on faces are taken for one person's, and what that costs.

    `strict` is the door's, `one_face` what frames of one scan keep among themselves;
    `measured` says the error rates at `same`, for whoever chooses the engine.
    """

    same: float
    doubt: float
    strict: float
    one_face: float
    measured: str


# SFace: 1,800 LFW pairs (parts.md, by threshold). dlib: its usual distance of 0.6 is a
# cosine of 0.90, at which it takes 38 % of East-Asian strangers for one person, there
# and on the development set; `same` lies above the likest strangers of that set
# (0.939), and refuses two in five of the right people, at whom a person then looks.
THRESHOLDS: Mapping[EngineName, Thresholds] = {
    EngineName.SFACE: Thresholds(
        0.45,
        0.38,
        0.50,
        0.38,
        "false match 0.002 % (0.011 % among East-Asian faces), false non-match 4.1 %",
    ),
    EngineName.DLIB: Thresholds(
        0.95,
        0.93,
        0.96,
        0.90,
        "at its usual threshold it takes 38.5 % of East-Asian strangers for one person "
        "(SFace 0.23 %); the stricter one here refuses two in five of the right people",
    ),
}
SAME_FROM = THRESHOLDS[EngineName.SFACE].same


def assess(similarity: float, engine: EngineName = EngineName.SFACE) -> FaceVerdict:
    """Say what a cosine similarity of two faces means."""
    told = THRESHOLDS[engine]
    if similarity >= told.same:
        return FaceVerdict.SAME
    return FaceVerdict.DOUBT if similarity >= told.doubt else FaceVerdict.DIFFERENT
