"""The audit chain: any change shows, and shows where."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ledger.audit import GENESIS, Link, Note, sealed, verify

FIELDS = ("at", "kind", "commitment", "previous", "hash")


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    previous = GENESIS
    for number in range(1, length + 1):
        place = ("box", "epoch", number)
        links.append(sealed(place, f"at {number}", ("kind", "c"), previous))
        previous = links[-1].hash
    return links


def test_a_whole_chain_verifies() -> None:
    links = chain(5)
    assert verify(links, links[-1].hash).ok
    assert verify([], GENESIS).ok


@given(st.integers(0, 4), st.sampled_from(FIELDS))
def test_a_changed_link_is_found_where_it_is(place: int, field: str) -> None:
    links = chain(5)
    head = links[-1].hash
    links[place] = replace(links[place], **{field: "changed"})
    found = verify(links, head)
    assert (found.ok, found.first_bad) == (False, place + 1)


@given(st.integers(0, 4))
def test_a_missing_link_is_found(place: int) -> None:
    links = chain(5)
    head = links[-1].hash
    del links[place]
    assert not verify(links, head).ok


def test_a_commitment_tells_nothing_without_its_salt() -> None:
    one = Note("kind", b"content", b"salt")
    other = Note("kind", b"content", b"another salt")
    assert one.commitment != other.commitment
