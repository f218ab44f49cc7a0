"""Which of those who claim to be a lock is driven as that lock."""

from hypothesis import given
from hypothesis import strategies as st

from devices.model.announcements import Announcement
from devices.model.places import LockId
from devices.rules.announcements import announced, chosen, rivals, taken_back

SOURCES, PLACES = ["one", "two", "three"], ["here", "there"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["announce", "take back", "choose"]),
        st.sampled_from(SOURCES),
        st.sampled_from(PLACES),
        st.booleans(),
    ),
    max_size=12,
)


def announcement(source: str, place: str) -> Announcement:
    return Announcement(source, place, LockId("ha:x"), "x", source, b"")


def used(known) -> Announcement | None:
    found = [each for each in known if each.used]
    assert len(found) <= 1
    return found[0] if found else None


@given(STEPS)
def test_whatever_is_said_one_is_used_and_a_hung_one_moves_by_a_person_alone(
    steps,
) -> None:
    known: list[Announcement] = []
    for what, source, place, hung in steps:
        before = used(known)
        match what:
            case "announce":
                known = list(announced(known, announcement(source, place), hung=hung))
                assert used(known) is not None
            case "take back":
                known = list(taken_back(known, source, hung=hung))
            case _:
                waiting = rivals(known)
                if waiting:
                    known = list(chosen(known, waiting[0].id))
                    assert used(known).id == waiting[0].id
                    before = None
        after = used(known)
        if hung and before is not None:
            assert after is not None
            assert after.place == before.place
        assert len({(each.source, each.place) for each in known}) == len(known)
        if after is not None:
            assert all(each.place != after.place for each in rivals(known))


def test_one_that_comes_back_by_another_name_is_the_same_lock() -> None:
    known = announced([], announcement("one", "here"), hung=True)
    known = taken_back(known, "one", hung=True)
    assert used(known).gone
    known = announced(known, announcement("two", "here"), hung=True)
    assert (used(known).source, used(known).gone) == ("two", False)
    assert len(known) == 1
