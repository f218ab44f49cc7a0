"""Whether a row of frames shows somebody who is there: pure rules on numbers."""

import random
import secrets
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment.model.faces import (
    Advice,
    Challenge,
    ChallengeKind,
    FaceFault,
    Flaw,
    Related,
    Seen,
)
from enrolment.rules import liveness
from enrolment.rules.liveness import (
    UNCOVERS_WITHIN,
    advice,
    base,
    best,
    covered,
    done,
    judge,
    steps,
    wait_after,
)

AHEAD = Seen(
    0.0,
    None,
    (0.5, 0.5),
    0.3,
    turn=0.02,
    tilt=0.6,
    eyes=0.11,
    live={"net": 0.99},
    sharp=900.0,
    light=120.0,
    thumb=b"t",
    template=b"e",
)
MOVES = Related(0.2, 0.3, 0.7)
# How each challenge looks on a person who looks like AHEAD.
SHOWN = {
    Challenge.TURN_LEFT: {"turn": 0.4},
    Challenge.TURN_RIGHT: {"turn": -0.4},
    Challenge.LOOK_UP: {"tilt": 0.42},
    Challenge.LOOK_DOWN: {"tilt": 0.78},
    Challenge.COME_CLOSER: {"size": 0.45},
    Challenge.GO_BACK: {"size": 0.2},
    Challenge.CLOSE_EYES: {"eyes": 0.03},
}


def film(*asked: Challenge, gap: float = 0.2) -> list[Seen]:
    """Film somebody who does what is asked, and looks ahead in between."""
    shots = [AHEAD] * 4
    for each in asked:
        shots += [replace(AHEAD, **SHOWN[each])] * 3 + [AHEAD] * 2
    return [replace(each, at=number * gap) for number, each in enumerate(shots)]


@given(st.randoms(), st.sets(st.sampled_from(ChallengeKind), min_size=1))
def test_what_is_asked_is_offered_and_alternates(
    chance: random.Random, kinds: set[ChallengeKind]
) -> None:
    asked = steps(sorted(kinds, key=str), chance.randrange)
    shown = {kind for kind in kinds if set(liveness.KINDS[kind]) & set(asked)}
    assert len(shown) >= min(liveness.KINDS_MIN, len(kinds))
    assert len(asked) == liveness.STEPS
    for kind, told in liveness.KINDS.items():
        of_kind = [each for each in asked if each in told]
        assert kind in kinds or not of_kind
        alone = len(kinds) == 1 and len(told) == 1
        assert alone or all(one is not other for one, other in pairwise(of_kind))


def test_order_and_kind_are_by_chance() -> None:
    kinds = list(ChallengeKind)
    found = {steps(kinds, secrets.randbelow) for _ in range(400)}
    assert len(found) > 60


@pytest.mark.parametrize("kind", ChallengeKind)
@given(chance=st.randoms())
def test_f13_each_kind_switched_off_in_turn_still_passes(
    kind: ChallengeKind, chance: random.Random
) -> None:
    rest = [each for each in ChallengeKind if each is not kind]
    for offered in (rest, *[[each] for each in rest]):
        asked = steps(offered, chance.randrange)
        seen = film(*asked)
        assert done(asked, seen) == len(asked)
        assert judge(seen, MOVES) is None


POSES = [each for each in Challenge if "size" not in SHOWN[each]]


@given(st.permutations(POSES))
def test_another_order_than_was_asked_passes_nothing(order) -> None:
    asked = order[:3]
    assert done(asked, film(*asked)) == 3
    assert done(asked, film(*reversed(asked))) < 3


def test_frames_before_the_base_do_not_count() -> None:
    turned = replace(AHEAD, **SHOWN[Challenge.TURN_LEFT])
    shots = [turned] * 5 + [AHEAD] * 3
    seen = [replace(each, at=float(number)) for number, each in enumerate(shots)]
    assert base(seen[:5]) is None
    assert base(seen).at >= 5
    assert done([Challenge.TURN_LEFT], seen) == 0


def test_one_frame_of_it_is_chance() -> None:
    once = replace(AHEAD, **SHOWN[Challenge.LOOK_UP])
    shots = [AHEAD] * 4 + [once, AHEAD, once, AHEAD]
    seen = [replace(each, at=float(number)) for number, each in enumerate(shots)]
    assert done([Challenge.LOOK_UP], seen) == 0


def test_nearer_and_farther_count_from_where_he_was() -> None:
    asked = [Challenge.COME_CLOSER, Challenge.GO_BACK]
    near = replace(AHEAD, size=0.45)
    shots = [AHEAD] * 4 + [near] * 3 + [AHEAD] * 3  # back where he began
    seen = [replace(each, at=float(number)) for number, each in enumerate(shots)]
    assert done(asked, seen) == 2
    assert done(asked, seen[:7]) == 1
    still = [replace(AHEAD, at=float(number)) for number in range(20)]
    assert done(asked, still) == 0


def test_eyes_that_stay_shut_are_shut_once() -> None:
    asked = [Challenge.CLOSE_EYES, Challenge.CLOSE_EYES]
    shut = replace(AHEAD, eyes=0.03)
    seen = [replace(AHEAD, at=float(number)) for number in range(4)]
    noisy = (0.03, 0.06, 0.05, 0.02, 0.02, 0.04, 0.02, 0.02)
    seen += [replace(shut, eyes=each, at=4.0 + n) for n, each in enumerate(noisy)]
    assert done(asked, seen) == 1
    seen += [replace(each, at=each.at + 20) for each in (AHEAD, shut, shut)]
    assert done(asked, seen) == 2


def test_eyes_that_were_never_open_are_not_shut_and_a_turned_head_opens_none() -> None:
    """Noise on shut eyes is no blink; a frame that is turned says nothing of eyes."""
    asked = [Challenge.CLOSE_EYES]
    dozing = [replace(AHEAD, eyes=0.04, at=float(number)) for number in range(4)]
    deeper = [replace(AHEAD, eyes=0.01, at=4.0 + number) for number in range(3)]
    assert done(asked, [*dozing, *deeper]) == 0
    straight = [replace(AHEAD, eyes=0.1, at=float(number)) for number in range(4)]
    turned = [replace(AHEAD, eyes=0.2, turn=0.4, at=4.0 + n) for n in range(2)]
    back = [replace(AHEAD, eyes=0.1, at=6.0 + number) for number in range(3)]
    assert done(asked, [*straight, *turned, *back]) == 0


@given(st.floats(0.07, 0.3), st.floats(0.75, 1.3))
def test_eyes_are_shut_by_a_persons_own_measure(wide: float, share: float) -> None:
    """Nobody's narrow eyes are shut eyes, and a glance is none."""
    at_first = [replace(AHEAD, eyes=wide, at=float(number)) for number in range(4)]
    for eyes, told in ((wide * share, 0), (wide * 0.5, 1)):
        then = [replace(AHEAD, eyes=eyes, at=5.0 + number) for number in range(3)]
        assert done([Challenge.CLOSE_EYES], [*at_first, *then]) == told


def test_no_blink_is_asked_for_where_no_network_sees_eyes() -> None:
    assert ChallengeKind.BLINK in liveness.offered((), eyes=True)
    assert ChallengeKind.BLINK not in liveness.offered((), eyes=False)
    unseen = [replace(each, eyes=0.0) for each in film(Challenge.CLOSE_EYES)]
    assert done([Challenge.CLOSE_EYES], unseen) == 0
    assert best(unseen)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fault": FaceFault.NO_FACE}, Advice.NO_FACE),
        ({"fault": FaceFault.NOT_A_PICTURE}, Advice.NO_FACE),
        ({"fault": FaceFault.SEVERAL_FACES}, Advice.SEVERAL_FACES),
        ({"size": 0.05}, Advice.NEARER),
        ({"light": 12.0}, Advice.MORE_LIGHT),
        ({"light": 250.0}, Advice.LESS_LIGHT),
        ({"sharp": 3.0}, Advice.HOLD_STILL),
        ({}, None),
    ],
)
def test_a_person_is_told_one_thing(change: dict, told: Advice | None) -> None:
    assert advice(replace(AHEAD, **change)) is told


def test_who_hides_his_face_begins_once_it_is_whole_or_after_a_while() -> None:
    hidden = [replace(AHEAD, at=n / 5, whole=9.0) for n in range(80)]
    assert base(hidden[:30]) is None  # six seconds
    assert base([*hidden[:9], *(replace(AHEAD, at=2.0) for _ in range(3))]) is not None
    assert base(hidden).at >= UNCOVERS_WITHIN
    turned = replace(AHEAD, whole=9.0, turn=0.4)
    assert not covered(turned)  # a face from the side is not hidden


GOOD = film(Challenge.TURN_LEFT, Challenge.LOOK_UP, Challenge.COME_CLOSER)


def every(**change) -> list[Seen]:
    return [replace(each, **change) for each in GOOD]


@pytest.mark.parametrize(
    ("seen", "related", "flaw"),
    [
        (GOOD, MOVES, None),
        (every(live={"net": 0.1}), MOVES, Flaw.NOT_LIVE),
        (every(live={"net": 0.99, "other": 0.2}), MOVES, Flaw.NOT_LIVE),
        (every(live={}), MOVES, Flaw.NOT_LIVE),
        (every(live={"net": float("nan")}), MOVES, Flaw.NOT_LIVE),
        (GOOD[:5], MOVES, Flaw.NOT_LIVE),
        (GOOD, Related(0.0, 0.3, 0.7), Flaw.LOOP),
        (GOOD, Related(0.0, 0.01, 1.0), Flaw.STILL),
        (GOOD, Related(0.2, 0.3, 0.2), Flaw.OTHER_FACE),
        (GOOD, Related(*[float("nan")] * 3), Flaw.STILL),
    ],
)
def test_all_of_it_has_to_pass(seen, related: Related, flaw: Flaw | None) -> None:
    assert judge(seen, related) is flaw


def test_a_still_is_told_from_too_little_to_tell() -> None:
    assert liveness.is_still(GOOD, Related(0.0, 0.01, 1.0))
    assert not liveness.is_still(GOOD, MOVES)
    assert not liveness.is_still(GOOD[:5], Related(0.0, 0.0, 0.0))


def test_a_jump_is_a_cut() -> None:
    jumped = [*GOOD[:8], *[replace(each, centre=(0.1, 0.9)) for each in GOOD[8:]]]
    assert judge(jumped, MOVES) is Flaw.CUT


def test_some_frames_may_fail_a_network_and_most_may_not() -> None:
    def film_with(bad: int) -> list[Seen]:
        worse = [replace(each, live={"net": 0.1}) for each in GOOD[:bad]]
        return [*worse, *GOOD[bad:]]

    assert judge(film_with(3), MOVES) is None
    assert judge(film_with(8), MOVES) is Flaw.NOT_LIVE


def test_the_straightest_and_sharpest_are_compared() -> None:
    seen = [
        replace(AHEAD, at=1.0, sharp=500.0),
        replace(AHEAD, at=2.0, sharp=900.0, turn=0.5),
        replace(AHEAD, at=3.0, sharp=700.0),
        replace(AHEAD, at=4.0, fault=FaceFault.NO_FACE),
        replace(AHEAD, at=5.0, sharp=999.0, eyes=0.03),
    ]
    assert [each.at for each in best(seen)] == [3.0, 1.0]


def test_waits_grow_and_then_a_person_looks() -> None:
    waits = [wait_after(failed) for failed in range(liveness.TRIES)]
    assert waits == sorted(waits)
    assert waits[0].total_seconds() == 0
    assert wait_after(liveness.TRIES) is None
