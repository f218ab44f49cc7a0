"""Firmware images: whose they are, and where they may go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model.firmware import (
    Controller,
    ControllerId,
    Image,
    ImageFault,
    Slot,
    Step,
    Update,
    Version,
    WaitsFor,
)
from devices.rules.firmware import fault_of, standing, version_of, waits_for
from firmware_bridge.drivers.signing import public_key
from firmware_bridge.smp.image import board_id, describe, read
from ledger.errors import KeyUnusable
from tests.system.controllers import BOARD, Workshop, p256, unsigned

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SOAK = timedelta(hours=24)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def signed(desk: Workshop) -> bytes:
    return desk.image("1.2.3+4", 7)


def test_an_image_says_what_it_is(desk: Workshop, signed: bytes) -> None:
    found = read(signed, desk.pinned)
    assert (found.version, found.counter) == (Version(1, 2, 3, 4), 7)
    assert found.board == board_id(BOARD)
    assert found.size == len(signed)
    assert describe(signed) == found


def test_an_image_by_p256_is_read_with_its_key(desk: Workshop) -> None:
    private, public = p256(desk.folder)
    raw = desk.image("2.0.0", key=private)
    assert isinstance(read(raw, public_key(public)), Image)
    assert read(raw, desk.pinned) is ImageFault.OTHER_KEY


def test_an_image_of_another_key_is_refused(desk: Workshop, signed: bytes) -> None:
    other = Workshop(desk.folder / "other")
    assert read(signed, other.pinned) is ImageFault.OTHER_KEY


def test_an_unsigned_image_is_refused(desk: Workshop, signed: bytes) -> None:
    assert read(unsigned(signed), desk.pinned) is ImageFault.UNSIGNED


@given(data=st.data())
def test_one_flipped_bit_is_refused(desk: Workshop, signed: bytes, data) -> None:
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    raw = bytearray(signed)
    raw[place // 8] ^= 1 << place % 8
    found = read(bytes(raw), desk.pinned)
    # The unused half of a type's number carries nothing: the same image then.
    assert isinstance(found, ImageFault) or found == read(signed, desk.pinned)


@given(data=st.data())
def test_a_truncated_image_is_refused(desk: Workshop, signed: bytes, data) -> None:
    size = data.draw(st.integers(0, len(signed) - 1))
    assert isinstance(read(signed[:size], desk.pinned), ImageFault)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_bytes_raise(desk: Workshop, signed: bytes, noise: bytes, at: int) -> None:
    read(noise, desk.pinned)
    read(signed[:32] + noise, desk.pinned)
    read(signed[:-at] + noise, desk.pinned)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(KeyUnusable, match="no public key"):
        public_key(tmp_path / "key")


def image(version: Version, counter: int = 1, board: bytes = b"b") -> Image:
    digest = f"{version}/{counter}".encode()
    return Image(digest, version, counter, board, 1)


RUNS = (Slot(b"old", "1.1.0", active=True, confirmed=True),)


@pytest.mark.parametrize(
    ("told", "last", "fault"),
    [
        (image(Version(1, 2)), None, None),
        (image(Version(1, 2), board=b"c"), None, ImageFault.OTHER_BOARD),
        (image(Version(1, 1)), None, ImageFault.OLDER),
        (image(Version(1, 0, 9)), None, ImageFault.OLDER),
        (image(Version(1, 2), 1), image(Version(1, 0), 2), ImageFault.OLDER),
        (image(Version(1, 2), 2), image(Version(1, 1), 2), None),
        (image(Version(1, 2), 3), image(Version(1, 3), 2), ImageFault.OLDER),
    ],
)
def test_an_image_only_goes_forward(told, last, fault) -> None:
    assert fault_of(told, b"b", last, RUNS) is fault


def test_the_image_of_the_other_slot_is_no_way_back() -> None:
    old = image(Version(1, 0))
    slots = (*RUNS, Slot(old.hash, "1.0.0"))
    assert fault_of(old, b"b", None, slots) is ImageFault.OLDER


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.2.3", Version(1, 2, 3)),
        ("1.2.3.4", Version(1, 2, 3, 4)),
        ("1.2.3+4", Version(1, 2, 3, 4)),
        ("1", Version(1)),
        ("x.5", Version(0, 5)),
        ("", Version(0)),
    ],
)
def test_versions_are_read_as_controllers_tell_them(
    text: str, version: Version
) -> None:
    assert version_of(text) == version


def update(controller: str, step: Step, told: Image, at: datetime = NOON) -> Update:
    return Update(ControllerId(controller), told, step, at, "1.1.0", "b")


def test_the_first_of_a_kind_goes_alone_and_the_rest_when_it_has_run_well() -> None:
    me, new = Controller(ControllerId("me"), "b"), image(Version(1, 2))

    def waits(*updates: Update, now: datetime = NOON) -> WaitsFor | None:
        return waits_for(me, new, updates, now, SOAK)

    assert waits() is None
    assert waits(update("a", Step.UPLOADING, new)) is WaitsFor.ANOTHER_UPDATE
    good = update("a", Step.CONFIRMED, new)
    assert waits(good) is WaitsFor.FIRST_OF_ITS_KIND
    assert waits(good, now=NOON + SOAK) is None
    bad = update("a", Step.REVERTED, new)
    assert waits(bad, now=NOON + SOAK) is WaitsFor.FIRST_OF_ITS_KIND
    assert waits(update("me", Step.REVERTED, new)) is None
    assert waits(update("a", Step.CONFIRMED, image(Version(9)))) is None


@pytest.mark.parametrize(
    ("before", "slots", "step"),
    [
        (Step.UPLOADING, (), Step.UPLOADING),
        (Step.UPLOADING, (Slot(b"new", ""),), Step.UPLOADED),
        (Step.TESTING, (Slot(b"new", ""),), Step.UPLOADED),
        (Step.TESTING, (Slot(b"new", "", pending=True),), Step.RESET),
        (Step.RESET, (Slot(b"new", "", active=True),), Step.CONFIRMING),
        (Step.RESET, (Slot(b"new", ""),), Step.REVERTED),
        (
            Step.CONFIRMING,
            (Slot(b"new", "", active=True, confirmed=True),),
            Step.CONFIRMED,
        ),
        (Step.CONFIRMING, (Slot(b"new", ""),), Step.REVERTED),
    ],
)
def test_the_controllers_own_word_says_how_far_it_is(before, slots, step) -> None:
    new = Image(b"new", Version(1), 1, b"b", 1)
    assert standing(update("a", before, new), slots) is step
