"""A line with readers whose bytes are changed, cut, doubled or played again."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from firmware_bridge.osdp import frames
from firmware_bridge.osdp.health import Health
from tests.system.lined import OPENS, PIN, WRONG, Lined, issued
from tests.system.test_broker_link import until


async def test_garbage_on_the_line_is_told_from_silence(hall: Lined) -> None:
    # What a line with A and B swapped gives: nothing whole, and bytes all the time.
    hall.wire.to_device = lambda _raw: b""
    hall.wire.to_box = lambda _raw: b""
    await until(lambda: hall.health() is not Health.GOOD)
    await hall.restart()

    async def babble() -> None:
        while hall.health() is not Health.GARBAGE:
            hall.wire.inject(bytes(32))
            await asyncio.sleep(0.2)

    async with asyncio.timeout(60):
        await until(lambda: hall.health() is Health.SILENT)
        await babble()


class Noise:
    """Spoils what passes, in one way, until it is told to stop."""

    def __init__(self, how: Callable[[bytes], bytes]) -> None:
        self.how, self.on, self.count = how, False, 0

    def __call__(self, raw: bytes) -> bytes:
        if not self.on:
            return raw
        self.count += 1
        return self.how(raw) if self.count % 3 == 0 else raw


def flip(raw: bytes) -> bytes:
    return bytes([raw[0], *raw[1:-1], raw[-1] ^ 0x10]) if raw else raw


def again(**change) -> Callable[[bytes], bytes]:
    """Send a frame again with something of it changed, and its check made anew."""

    def changed(raw: bytes) -> bytes:
        for frame in frames.Frames().feed(raw):
            told = {name: act(frame) for name, act in change.items()}
            return replace(frame, **told).encode()
        return raw

    return changed


FAULTS = {
    "wrong sequence": again(sequence=lambda frame: (frame.sequence + 1) % 4),
    "another's address": again(address=lambda frame: frame.address + 1),
    "noise": lambda raw: b"\x00\x53\xff\x53\x01" + raw,
    "cut": lambda raw: raw[: len(raw) // 2],
    "stuck": lambda _raw: b"",
    "wrong check": flip,
    "twice": lambda raw: raw + raw,
    "endless": lambda raw: b"\x53" * 400 + raw,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["to_box", "to_device"])
async def test_a_spoilt_line_opens_once_for_one_code(
    hall: Lined, fault: str, way: str
) -> None:
    await issued(hall)
    noise = Noise(FAULTS[fault])
    setattr(hall.wire, way, noise)
    noise.on = True
    await asyncio.sleep(0.5)
    hall.reader.type(WRONG)
    await asyncio.sleep(1)
    await until(lambda: noise.count > 3)
    noise.on = False
    assert not hall.reader.count(OPENS)
    await hall.good()
    hall.reader.type("*")
    hall.reader.type(PIN)
    await until(lambda: OPENS in hall.reader.said)
    await asyncio.sleep(0.5)
    assert hall.reader.count(OPENS) == 1


async def test_what_was_recorded_on_the_line_opens_nothing(hall: Lined) -> None:
    await issued(hall)
    commands, replies = [], []
    hall.wire.to_device = lambda raw: commands.append(raw) or raw
    hall.wire.to_box = lambda raw: replies.append(raw) or raw
    hall.reader.type(PIN)
    await until(lambda: OPENS in hall.reader.said)
    await asyncio.sleep(0.5)
    recorded = b"".join(commands[-60:])
    sent = list(frames.Frames().feed(b"".join(commands)))
    assert any(each.block for each in sent)  # nothing goes in the clear
    hall.wire.to_device = lambda raw: recorded + raw
    await asyncio.sleep(1)
    hall.wire.to_device = lambda raw: raw
    pressed = b"".join(replies[-60:])
    hall.wire.to_box = lambda raw: pressed + raw
    await asyncio.sleep(1)
    hall.wire.to_box = lambda raw: raw
    await hall.good()
    assert hall.reader.count(OPENS) == 1
