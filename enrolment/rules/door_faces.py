"""Whether who typed a code and looks into the door's camera is who he says he is."""

from collections.abc import Sequence

from enrolment.model.faces import EngineName, FaceFault, Match, Related, Seen
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.liveness import AHEAD, CHANGES, advice, alive

# Faces that can be judged, over so many seconds that somebody moves meanwhile.
FACES, SPAN = 6, 1.2
LOOK_LASTS = 8.0
# A camera that gave no frame for so long before the end has failed.
SILENT = 2.0


def straight(seen: Sequence[Seen]) -> list[Seen]:
    """Return the frames in which one face looks ahead and can be judged.

    No other frame counts for anything: who turns his head away is not looked at.
    """
    return [each for each in seen if advice(each) is None and abs(each.turn) < AHEAD]


def enough(good: Sequence[Seen]) -> bool:
    """Say whether there are faces in plenty, over time enough to move."""
    return len(good) >= FACES and good[-1].at - good[0].at >= SPAN


def several(seen: Sequence[Seen]) -> bool:
    """Say whether others stand in the picture as well, who asked for nothing."""
    return any(each.fault is FaceFault.SEVERAL_FACES for each in seen)


def there(good: Sequence[Seen], related: Related, engine: EngineName) -> bool:
    """Say whether a living person stood there: one, moving, in every network's eyes."""
    one = related.same >= THRESHOLDS[engine].one_face
    return related.middle >= CHANGES and one and alive(good)


def is_same(match: Match, engine: EngineName) -> bool:
    """Say whether it is he, at the stricter threshold of a door.

    With SFace's 0.50 the false match is 0.0003 % of LFW's pairs and none of its
    East-Asian ones, the false non-match 8.2 and 6.8 %: who is refused has card and
    phone.
    """
    return match.similarity >= THRESHOLDS[engine].strict
