"""Whether the face in a row of frames is a person who is there now.

All of it has to pass: every network on most frames, each challenge in its order, one
face throughout, motion as people move. What is measured comes from the face worker.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from enrolment.model.faces import (
    Advice,
    Challenge,
    ChallengeKind,
    EngineName,
    FaceFault,
    Flaw,
    Related,
    Seen,
)
from enrolment.rules.faces import THRESHOLDS

KINDS = {
    ChallengeKind.TURN: (Challenge.TURN_LEFT, Challenge.TURN_RIGHT),
    ChallengeKind.LOOK: (Challenge.LOOK_UP, Challenge.LOOK_DOWN),
    ChallengeKind.DISTANCE: (Challenge.COME_CLOSER, Challenge.GO_BACK),
    ChallengeKind.BLINK: (Challenge.CLOSE_EYES,),
}
STEPS = 3
# Of so many kinds, where nobody but the box looks.
KINDS_MIN = 2
# Shares of the face; a head held straight stays within 0.11 and 0.07 of its middle (a
# person of the development set, 6 s).
AHEAD, TURNED, TILTED = 0.18, 0.28, 0.12
NEARER, FARTHER = 1.3, 0.77
# Of how far his eyes are open otherwise. In the development set's film a blink is 0.24
# of it, the other 119 frames 0.74 and more, a print 0.94 and more.
SHUT = 0.6
# Eyes are shut that were open before: as they were at first, and more than shut ones
# are (0.04 to 0.06 in five pictures; the median of the set is 0.11).
OPEN, OPEN_MIN = 0.75, 0.05
# A step counts once two frames in a row show it; a scan begins with three straight.
HELD, BASE = 2, 3
# What can be judged: a face a tenth of the picture wide, lit, and sharp enough.
SIZE_MIN = 0.12
LIGHT_MIN, LIGHT_MAX, SHARP_MIN = 40.0, 235.0, 25.0
# Of 378 faces of the set that are held straight one has less (13.7, half in profile);
# of 77 with a mask drawn over them nine in ten have less, with a hand two in three.
# What hides eyes alone hardly lowers it.
WHOLE, UNCOVERS_WITHIN = 16.0, 6.0
FRAMES_MIN = 10
LIVE_FROM, LIVE_SHARE = 0.5, 0.75
SAME_FACE = THRESHOLDS[EngineName.SFACE].one_face
# In deviations of a face's thumb: a looped film repeats itself, a still never changes.
REPEATS, CHANGES = 0.02, 0.10
# Face widths, and face widths a second: faster than anybody moves before a phone.
JUMP, SPEED = 0.6, 3.0
TRY_LASTS = timedelta(seconds=90)
TRIES = 5
WAITS = (0, 0, 15, 60, 180)


def offered(declined: Collection[ChallengeKind], *, eyes: bool) -> list[ChallengeKind]:
    """Return what can be asked for: a blink only where the engine sees `eyes`."""
    unseen = set() if eyes else {ChallengeKind.BLINK}
    return [each for each in ChallengeKind if each not in {*declined, *unseen}]


def steps(
    kinds: Sequence[ChallengeKind], pick: Callable[[int], int]
) -> tuple[Challenge, ...]:
    """Choose what to ask for: order and kind by chance.

    What was asked comes again only after its opposite, so that nobody has to come
    closer and closer; what has none comes again where nothing else is left. There are
    two kinds at least where two can be asked for: no one trick shows both.
    `pick(n)` returns a number below n by chance.
    """
    ways = [(kind, each) for kind in kinds for each in KINDS[kind]]
    found: list[Challenge] = []
    last: dict[ChallengeKind, Challenge] = {}
    while len(found) < STEPS:
        rest = [way for way in ways if last.get(way[0]) is not way[1]] or ways
        if len(found) == STEPS - 1 and len(last) < KINDS_MIN:
            rest = [way for way in rest if way[0] not in last] or rest
        kind, chosen = rest[pick(len(rest))]
        last[kind] = chosen
        found.append(chosen)
    return tuple(found)


def advice(seen: Seen) -> Advice | None:
    """Say the one thing that a person should mend first; None where all is well."""
    if seen.fault is FaceFault.SEVERAL_FACES:
        return Advice.SEVERAL_FACES
    if seen.fault is not None:
        return Advice.NO_FACE
    if seen.size < SIZE_MIN:
        return Advice.NEARER
    if seen.light < LIGHT_MIN:
        return Advice.MORE_LIGHT
    if seen.light > LIGHT_MAX:
        return Advice.LESS_LIGHT
    return Advice.HOLD_STILL if seen.sharp < SHARP_MIN else None


def covered(seen: Seen) -> bool:
    """Say whether something hides part of a face that is held straight.

    After a while that holds nobody up: the comparison decides, and a person after it.
    """
    straight = abs(seen.turn) < AHEAD
    return straight and seen.whole < WHOLE and seen.at < UNCOVERS_WITHIN


def base(seen: Sequence[Seen]) -> Seen | None:
    """Return how a person holds himself at first: the middle of three straight frames.

    A frame with a fault, or a face behind something, begins the count anew.
    """
    run: list[Seen] = []
    for each in seen:
        straight = advice(each) is None and abs(each.turn) < AHEAD
        straight = straight and not covered(each)
        run = [*run, each] if straight else []
        if len(run) == BASE:
            return sorted(run, key=lambda one: one.size)[BASE // 2]
    return None


def shows(challenge: Challenge, seen: Seen, since: Sequence[Seen]) -> bool:
    """Say whether a frame shows what was asked for.

    `since` is how he held himself at first, and the frames since this was asked: near
    or far is told from where he has been, shut eyes from how far they were open, a
    tilt from his own at first.
    """
    if advice(seen) is not None:
        return False
    tilted = seen.tilt - since[0].tilt
    sizes = [each.size for each in since[1:] if each.fault is None]
    return {
        Challenge.TURN_LEFT: seen.turn > TURNED,
        Challenge.TURN_RIGHT: seen.turn < -TURNED,
        Challenge.LOOK_UP: tilted < -TILTED,
        Challenge.LOOK_DOWN: tilted > TILTED,
        Challenge.COME_CLOSER: seen.size > NEARER * min(sizes),
        Challenge.GO_BACK: seen.size < FARTHER * max(sizes),
        Challenge.CLOSE_EYES: _shut(seen, since),
    }[challenge]


def done(asked: Sequence[Challenge], seen: Sequence[Seen]) -> int:
    """Return how many of the steps the frames show, in their order, after the base."""
    first = base(seen)
    if first is None:
        return 0
    count, held, since = 0, 0, [first, first]
    for each in (one for one in seen if one.at > first.at):
        if count == len(asked):
            break
        since.append(each)
        held = held + 1 if shows(asked[count], each, since) else 0
        if held == HELD:
            count, held, since = count + 1, 0, [first, each]
    return count


def judge(
    seen: Sequence[Seen], related: Related, one_face: float = SAME_FACE
) -> Flaw | None:
    """Say why a scan whose steps are all done is refused; None where it is not.

    `one_face` is the cosine that looks at one person keep, by the engine.
    """
    good = [each for each in seen if each.fault is None]
    if len(good) < FRAMES_MIN or not alive(good):
        return Flaw.NOT_LIVE
    # Asked so that what is no number refuses as well.
    if not related.middle >= CHANGES:
        return Flaw.STILL
    if not related.nearest >= REPEATS:
        return Flaw.LOOP
    if not related.same >= one_face:
        return Flaw.OTHER_FACE
    if any(_jumps(before, after) for before, after in pairwise(good)):
        return Flaw.CUT
    return None


def is_still(seen: Sequence[Seen], related: Related) -> bool:
    """Say whether frames in plenty, with a face in most, never change."""
    good = sum(each.fault is None for each in seen)
    return good >= FRAMES_MIN and related.middle < CHANGES


def alive(good: Sequence[Seen]) -> bool:
    """Say whether every network that was asked takes the faces for living ones."""
    return all(_alive(good, name) for name in _names(good))


def best(seen: Sequence[Seen]) -> list[Seen]:
    """Return the straightest and sharpest frames, five at most, to be compared.

    Those with shut eyes say less of a face.
    """
    good = [each for each in seen if advice(each) is None and abs(each.turn) < AHEAD]
    widest = max((each.eyes for each in good), default=0.0)
    looking = [each for each in good if each.eyes >= SHUT * widest]
    return sorted(looking, key=lambda each: -each.sharp)[:5]


def wait_after(failed: int) -> timedelta | None:
    """Return how long to wait after so many failed tries; None: a person looks now."""
    if failed >= TRIES:
        return None
    return timedelta(seconds=WAITS[failed])


def _shut(seen: Seen, since: Sequence[Seen]) -> bool:
    """Say whether eyes are shut that were open since this was asked.

    Frames that look ahead count alone.
    """
    first, *rest = since
    ahead = [each for each in rest if advice(each) is None and abs(each.turn) < AHEAD]
    widest = max((each.eyes for each in ahead), default=0.0)
    opened = first.eyes >= OPEN_MIN and widest >= OPEN * first.eyes
    return opened and abs(seen.turn) < AHEAD and seen.eyes < SHUT * widest


def _names(good: Sequence[Seen]) -> set[str]:
    """Return the networks that were asked; one that does not exist where none was."""
    return {name for each in good for name in each.live} or {""}


def _alive(good: Sequence[Seen], name: str) -> bool:
    ahead = [each.live.get(name, 0.0) for each in good if abs(each.turn) < TURNED]
    if not ahead or median(ahead) < LIVE_FROM:
        return False
    return sum(score >= LIVE_FROM for score in ahead) >= LIVE_SHARE * len(ahead)


def _jumps(before: Seen, after: Seen) -> bool:
    way = max(
        abs(one - other) for one, other in zip(before.centre, after.centre, strict=True)
    )
    return way > max(before.size, after.size) * (
        JUMP + SPEED * max(0.0, after.at - before.at)
    )
