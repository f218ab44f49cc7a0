"""OSDP on the wire: frames, what readers say, what is wrong with a line."""

from datetime import UTC, datetime, timedelta

import osdp_sys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.osdp import words
from firmware_bridge.osdp.frames import (
    ABILITIES,
    ACK,
    CHALLENGE,
    NAK,
    POLL,
    Frame,
    Frames,
    Nak,
)
from firmware_bridge.osdp.handshake import (
    BY_DEFAULT,
    DEFAULT_KEY,
    Station,
    proves,
)
from firmware_bridge.osdp.health import NOISE_MAX, Facts, Health, diagnose
from firmware_bridge.osdp.keypad import PAUSE, Keypad
from firmware_bridge.osdp.listening import Listener, listener

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
frames = st.builds(
    Frame,
    address=st.integers(0, 126),
    code=st.integers(0, 255),
    data=st.binary(max_size=40),
    reply=st.booleans(),
    sequence=st.integers(0, 3),
    block=st.binary(max_size=2).filter(lambda each: len(each) != 0) | st.just(b""),
    crc=st.just(True),  # noqa: FBT003 - a checksum is right by chance too often
)


class Wiretap:
    """A channel of libosdp's own, the independent oracle: what it says, kept."""

    id = 0

    def __init__(self) -> None:
        self.sent = b""

    def read(self, size: int) -> bytes:
        return b""

    def write(self, raw: bytes) -> int:
        self.sent += raw
        return len(raw)

    def flush(self) -> None:
        return


def test_what_libosdp_says_is_read_and_said_the_same() -> None:
    wire = Wiretap()
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    told = {"name": "r", "address": 5, "flags": 0, "scbk": bytes(16), "channel": wire}
    panel = osdp_sys.ControlPanel([told])
    for _ in range(200):
        panel.refresh()
        if wire.sent:
            break
    [first] = Frames().feed(wire.sent)
    assert (first.address, first.reply, first.crc) == (5, False, True)
    assert first.encode() == wire.sent.lstrip(b"\xff")


def test_a_checksum_is_the_twos_complement_of_the_sum() -> None:
    raw = Frame(0, POLL, crc=False).encode()
    assert sum(raw) % 256 == 0
    assert list(Frames().feed(raw)) == [Frame(0, POLL, crc=False)]


@given(st.lists(frames, max_size=5), st.data())
def test_any_chunking_gives_the_same_frames(told, data) -> None:
    raw, reader, found = b"".join(each.encode() for each in told), Frames(), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += reader.feed(raw[:size])
        raw = raw[size:]
    assert found == told
    assert reader.noise == 0


@given(st.binary(max_size=300), frames)
def test_no_bytes_raise_nor_stall_the_frame_behind_them(noise, frame) -> None:
    reader = Frames()
    found = [*reader.feed(noise), *reader.feed(frame.encode())]
    assert frame in found or any(each.encode()[1:] in noise for each in found)


def test_an_endless_start_mark_is_bounded() -> None:
    reader = Frames()
    for _ in range(100):
        assert list(reader.feed(b"\x53" * 1000)) == []
    assert len(reader._buffer) <= 2000
    assert list(reader.feed(Frame(0, ACK, reply=True).encode()))


def test_a_refusal_says_why() -> None:
    assert Frame(0, NAK, b"\x06", reply=True).nak is Nak.ENCRYPTION_REQUIRED
    assert Frame(0, NAK, b"\x63", reply=True).nak is Nak.OTHER
    assert Frame(0, ACK, reply=True).nak is None


def test_an_answer_is_known_by_its_key() -> None:
    # By the peripheral of libosdp, which answers a challenge by the default key.
    wire = Both()
    told = {"name": "r", "address": 0, "flags": osdp_sys.FLAG_INSTALL_MODE}
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    device = osdp_sys.PeripheralDevice(
        {**told, "scbk": None, "channel": wire, **IDENTITY}, capabilities=SECURE
    )
    challenge = bytes(range(8))
    asked = Frame(0, CHALLENGE, challenge, block=bytes([0x11, 0]))
    wire.inbox = asked.encode()
    for _ in range(200):
        device.refresh()
    [answer] = Frames().feed(wire.sent)
    assert proves(DEFAULT_KEY, challenge, answer.data)
    assert not proves(bytes(16), challenge, answer.data)
    assert not proves(DEFAULT_KEY, challenge, answer.data[:-1])
    assert not proves(DEFAULT_KEY, challenge, b"")


IDENTITY = {
    "version": 1,
    "model": 1,
    "vendor_code": 1,
    "serial_number": 1,
    "firmware_version": 1,
}
SECURE = [
    {
        "function_code": osdp_sys.CAP_COMMUNICATION_SECURITY,
        "compliance_level": 1,
        "num_items": 1,
    }
]


class Both(Wiretap):
    """A channel with something to read."""

    inbox = b""

    def read(self, size: int) -> bytes:
        raw, self.inbox = self.inbox[:size], self.inbox[size:]
        return raw


def test_keys_and_states_are_read() -> None:
    said = {"event": osdp_sys.EVENT_KEYPRESS, "reader_no": 0, "data": b"12\x7f\r"}
    assert [each.keys for each in words.read(said)] == ["12*#"]
    local = {"event": osdp_sys.EVENT_STATUS, "type": osdp_sys.STATUS_REPORT_LOCAL}
    assert list(words.read({**local, "report": b"\x01\x00"})) == [
        words.Local(tamper=True, power=False)
    ]
    inputs = {**local, "type": osdp_sys.STATUS_REPORT_INPUT, "report": b"\x00\x01"}
    assert list(words.read(inputs)) == [words.Inputs((False, True))]
    assert list(words.read({"event": 99})) == []


@pytest.mark.parametrize("bits", [26, 34, 37])
@given(number=st.integers(0))
def test_cards_of_wiegand_are_read_by_their_parity(bits: int, number: int) -> None:
    even, odd = words.PARITY[bits]
    body = number % (1 << (bits - 2)) << 1
    first = (body >> (bits - even)).bit_count() % 2
    last = (body & ((1 << odd) - 1)).bit_count() % 2 == 0
    good = first << (bits - 1) | body | last
    [card] = words.read(shown(good, bits))
    assert isinstance(card, words.Card)
    assert card.code.startswith(f"W{bits:03}")
    assert str(number) not in repr(card) or number < 10
    for flipped in (0, bits - 1):
        assert list(words.read(shown(good ^ 1 << flipped, bits))) == [words.Misread()]


def shown(number: int, bits: int, form: int = words.WIEGAND):
    size = -(-bits // 8)
    raw = (number << (size * 8 - bits)).to_bytes(size)
    return {"event": 1, "format": form, "length": bits, "data": raw}


@given(st.binary(max_size=20), st.integers(-5, 200), st.integers(0, 3))
def test_no_card_raises(raw: bytes, bits: int, form: int) -> None:
    told = {"event": 1, "format": form, "length": bits, "data": raw}
    assert list(words.read(told))


def test_raw_cards_of_one_number_and_two_lengths_are_two() -> None:
    codes = {next(words.read(shown(5, bits, form=0))).code for bits in (32, 40)}
    assert len(codes) == 2


def test_a_code_ends_by_itself_or_with_a_hash() -> None:
    pad = Keypad(6)
    assert pad.press("47", NOON) == []
    assert pad.press("1193", NOON) == ["471193"]
    assert pad.press("12#", NOON) == ["12"]
    assert pad.press("#", NOON) == []
    assert pad.press("123*471193471193", NOON) == ["471193", "471193"]


def test_what_was_typed_is_forgotten_after_a_pause() -> None:
    pad = Keypad(6)
    pad.press("471", NOON)
    later = NOON + PAUSE + timedelta(seconds=1)
    assert pad.press("193", later) == []
    assert pad.press("000", later) == ["193000"]
    assert "193" not in repr(pad)


@given(st.text(max_size=50))
def test_no_key_raises_and_nothing_grows(keys: str) -> None:
    for code in Keypad(6).press(keys, NOON):
        assert code.isdecimal()
        assert len(code) <= 6


@pytest.mark.parametrize(
    ("facts", "health"),
    [
        (Facts(secure=True, noise=999), Health.GOOD),
        (Facts(refused=True, default_key=True), Health.DEFAULT_KEY),
        (Facts(refused=True, unsecured=True), Health.WRONG_KEY),
        (Facts(unsecured=True, others=(3,)), Health.UNSECURED),
        (Facts(others=(3,), noise=999), Health.OTHER_ADDRESS),
        (Facts(noise=NOISE_MAX + 1), Health.GARBAGE),
        (Facts(noise=NOISE_MAX), Health.SILENT),
    ],
)
def test_what_is_wrong_is_told_from_what_came(facts: Facts, health: Health) -> None:
    assert diagnose(facts) is health


ASKED = Frame(0, CHALLENGE, bytes(8), block=bytes([0x11, 1])).encode()
ASKED_BY_DEFAULT = Frame(0, CHALLENGE, bytes(8), block=BY_DEFAULT).encode()
HERE = Frame(0, ACK, reply=True).encode()
REFUSAL = Frame(0, NAK, b"\x05", reply=True).encode()
FOREIGN = Frame(0, CHALLENGE, bytes(32), reply=True).encode()


def ears(*, installing: bool = False) -> Listener:
    return listener([Station(0, b"k" * 16, installing)])


def test_a_reader_whose_power_fails_is_silent_and_no_stranger() -> None:
    heard = ears()
    heard.came(HERE * 3)
    assert heard.health(0, secure=True) is Health.GOOD
    heard.lost(0)
    assert heard.health(0, secure=False) is Health.SILENT
    heard.called(0)
    assert heard.health(0, secure=False) is Health.SILENT


def test_a_reader_in_the_middle_of_its_handshake_is_no_stranger() -> None:
    heard = ears()
    heard.came(HERE)
    heard.sent(ASKED)
    assert heard.health(0, secure=False) is Health.SILENT
    assert heard.question(0, bytes(8)) is None


@pytest.mark.parametrize("answer", [REFUSAL, FOREIGN])
def test_a_reader_that_does_not_know_its_key_is_one(answer: bytes) -> None:
    heard = ears()
    heard.sent(ASKED)
    heard.came(answer)
    assert heard.health(0, secure=False) is Health.WRONG_KEY
    heard.called(0)
    assert heard.health(0, secure=False) is Health.WRONG_KEY
    asked = heard.question(0, bytes(8))
    assert asked.block == BY_DEFAULT
    assert heard.question(0, bytes(8)) is None


def test_a_refusal_of_something_else_proves_nothing() -> None:
    heard = ears()
    heard.sent(ASKED)
    heard.sent(Frame(0, POLL).encode())
    heard.came(REFUSAL)
    assert heard.health(0, secure=False) is Health.SILENT


@pytest.mark.parametrize(
    ("abilities", "health"),
    [
        ("040101090101", Health.SILENT),
        ("040101090000", Health.UNSECURED),
        ("040101", Health.UNSECURED),
    ],
)
def test_a_reader_that_has_no_secure_channel_says_so(
    abilities: str, health: Health
) -> None:
    heard = ears()
    heard.came(Frame(0, ABILITIES, bytes.fromhex(abilities), reply=True).encode())
    assert heard.health(0, secure=False) is health


def test_a_new_reader_may_refuse_the_key_that_it_is_to_be_given() -> None:
    heard = ears(installing=True)
    heard.sent(ASKED)
    heard.came(REFUSAL)
    assert heard.health(0, secure=False) is Health.SILENT
    heard.sent(ASKED_BY_DEFAULT)
    heard.came(FOREIGN)
    assert heard.health(0, secure=False) is Health.WRONG_KEY
