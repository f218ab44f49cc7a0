"""The SAM_V module on the wire, and the text on a chip (domain.md, 5)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.idcard import card, frames
from gateway.demo.card_reader import resident

NUMBER = "330522199003150016"
EXAMPLES = [
    (frames.STATUS, "AAAAAA9669000311FFED"),
    (frames.FIND, "AAAAAA96690003200122"),
    (frames.SELECT, "AAAAAA96690003200221"),
    (frames.READ, "AAAAAA96690003300132"),
]
REPLIES = [
    ("AAAAAA9669000800009F0000000097", frames.FOUND, 4),
    ("AAAAAA9669000400008084", frames.NOBODY, 0),
    ("AAAAAA9669000C00009000000000000000009C", frames.DONE, 8),
    ("AAAAAA9669000400008185", frames.NOT_SELECTED, 0),
    ("AAAAAA9669000400004145", frames.NOT_READ, 0),
]
bodies = st.binary(min_size=2, max_size=60)


@pytest.mark.parametrize(("asked", "raw"), EXAMPLES)
def test_requests_are_the_published_bytes(asked: frames.Request, raw: str) -> None:
    assert asked.encode() == bytes.fromhex(raw)
    [body] = frames.Frames().feed(bytes.fromhex(raw))
    assert frames.request(bytes(body)) == asked


@pytest.mark.parametrize(("raw", "status", "size"), REPLIES)
def test_replies_are_the_published_bytes(raw: str, status: int, size: int) -> None:
    [body] = frames.Frames().feed(bytes.fromhex(raw))
    found = frames.reply(body)
    assert (found.status, len(found.data)) == (status, size)
    assert found.encode() == bytes.fromhex(raw)


def test_a_whole_answer_has_1295_bytes() -> None:
    text = resident("租客甲", NUMBER)
    sizes = (256).to_bytes(2) + (1024).to_bytes(2)
    data = bytearray(sizes + text + bytes(1024))
    raw = frames.Reply(frames.DONE, data).encode()
    assert len(raw) == 1295
    assert raw[5:14].hex() == "050800009001000400"


@given(st.lists(bodies, max_size=4), st.data())
def test_any_chunking_gives_the_same_frames(told, data) -> None:
    raw, reader, found = b"".join(map(frames.framed, told)), frames.Frames(), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += map(bytes, reader.feed(raw[:size]))
        raw = raw[size:]
    assert found == told


@given(st.binary(max_size=200), st.integers(0, 0xFFFF), bodies)
def test_no_bytes_raise_nor_stall_the_frame_behind_them(noise, lie, body) -> None:
    reader = frames.Frames()
    lying = frames.PREAMBLE + lie.to_bytes(2) + noise
    found = [*reader.feed(noise), *reader.feed(lying)]
    found += reader.feed(frames.framed(body))
    assert body in map(bytes, found) or found


def test_endless_preambles_are_bounded() -> None:
    reader = frames.Frames()
    for _ in range(100):
        assert not list(reader.feed(frames.PREAMBLE * 200))
    assert len(reader._buffer) < 3 * frames.LONGEST
    assert list(reader.feed(frames.FIND.encode()))


def answer(text: bytes) -> bytearray:
    sizes = (256).to_bytes(2) + (1024).to_bytes(2)
    return bytearray(sizes + text + b"\xa5" * 1024)


def field(text: str, size: int) -> bytes:
    return text.ljust(size // 2).encode("utf-16-le")


def test_a_resident_card_is_read_and_its_bytes_wiped() -> None:
    data = answer(resident("租客·甲", NUMBER, "20300131"))
    found = card.read(data)
    assert (found.kind, found.name, found.number) == (
        card.Kind.RESIDENT,
        "租客·甲",
        NUMBER,
    )
    assert found.until.isoformat() == "2030-01-31"
    assert not any(data)
    assert NUMBER not in repr(found)
    assert "租客" not in repr(found)


def test_a_card_that_is_good_for_ever_says_so() -> None:
    assert card.read(answer(resident("租客甲", NUMBER))).until is None


def test_a_residence_permit_is_told_by_its_flag() -> None:
    text = resident("租客甲", "81000019880808011X", "20300131")[:220]
    text += field("H12345678", 18) + field("01", 4) + bytes(6) + field("J", 2)
    found = card.read(answer(text + bytes(6)))
    assert found.kind is card.Kind.RESIDENCE_PERMIT
    assert found.number == "81000019880808011X"


@pytest.mark.parametrize("chinese", ["甲乙", ""])
def test_a_permanent_residents_card_of_2017(chinese: str) -> None:
    text = b"".join(
        (
            field("DOE JOHN", 120),
            field("1", 2),
            field("USA110080022912", 30),
            field("USA", 6),
            field(chinese, 30),
            field("20200101", 16),
            field("20300101", 16),
            field("19800229", 16),
            field("01", 4),
            field("1500", 8),
            field("I", 2),
            bytes(6),
        )
    )
    found = card.read(answer(text))
    assert (found.kind, found.number) == (card.Kind.PERMANENT_2017, "USA110080022912")
    assert found.name == (chinese or "DOE JOHN")
    assert (found.birth, found.sex) == (date(1980, 2, 29), "1")


def test_a_permanent_residents_card_of_2023() -> None:
    text = b"".join(
        (
            field("", 30),
            field("1", 2),
            field("01", 4),
            field("19800229", 16),
            field("DOE JOHN", 70),
            field("933840198002290016", 36),
            bytes(30),
            field("20240101", 16),
            field("20340101", 16),
            field("", 28),
            field("Y", 2),
            bytes(6),
        )
    )
    found = card.read(answer(text))
    assert (found.kind, found.name) == (card.Kind.PERMANENT_2023, "DOE JOHN")
    assert found.number == "933840198002290016"


def test_what_is_not_known_is_typed_and_nothing_of_it_stays() -> None:
    text = resident("租客甲", NUMBER)
    data = answer(text[:248] + field("Q", 2) + text[250:])
    assert card.read(data) is None
    assert not any(data)


@given(st.binary(max_size=1400))
def test_no_text_raises(raw: bytes) -> None:
    data = bytearray(raw)
    card.read(data)
    assert not any(data)
