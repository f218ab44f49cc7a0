"""What a phone and a door say over Bluetooth: chunks and messages."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.ble.frames import (
    LONGEST,
    Answered,
    Asked,
    Joiner,
    chunks,
)


def joined(joiner: Joiner, parts) -> list[bytes]:
    return [message for part in parts for message in joiner.feed(part)]


@given(st.lists(st.binary(max_size=LONGEST), max_size=3), st.integers(20, 514))
def test_any_size_of_chunk_gives_the_same_messages(messages, size) -> None:
    parts = [part for message in messages for part in chunks(message, size)]
    assert all(len(part) <= size for part in parts)
    assert joined(Joiner(), parts) == messages


@given(st.lists(st.binary(max_size=40), max_size=30), st.binary(max_size=300))
def test_no_bytes_raise_or_stall_the_message_behind_them(rubbish, message) -> None:
    joiner = Joiner()
    joined(joiner, rubbish)
    parts = list(chunks(message))
    # A first chunk whose number was due anyway is taken for the next: once more.
    assert message in joined(joiner, parts + parts)


@given(st.binary(min_size=1, max_size=400), st.data())
def test_a_message_with_a_chunk_lost_is_not_taken_for_another(message, data) -> None:
    parts = list(chunks(message, 20))
    lost = data.draw(st.integers(0, len(parts) - 1))
    assert message not in joined(Joiner(), parts[:lost] + parts[lost + 1 :])


def test_a_message_that_never_ends_is_dropped() -> None:
    joiner = Joiner()
    for number in range(10_000):
        assert not list(joiner.feed(bytes([number % 128]) + b"x" * 500))
    assert len(joiner._parts) < 2 * LONGEST


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    Asked.decode(raw)
    Answered.decode(raw)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=64, max_size=64))
def test_what_is_said_is_what_is_heard(nonce: bytes, signature: bytes) -> None:
    asked = Asked(nonce, "01M80Y013ETEFW0CQQQ0CKG5FF")
    assert Asked.decode(asked.encode()) == asked
    answer = Answered(nonce, signature, b"token")
    assert Answered.decode(answer.encode()) == answer
