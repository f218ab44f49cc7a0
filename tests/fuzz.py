"""A million spoilt messages, frames, tokens and texts: nothing raises, nothing opens.

And a million spoilt frames for each serial line's codec: none holds up the next.

`make fuzz`; arguments: how many, and a seed. Prints the seed, to try the same again.
"""

import json
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from devices.adapters.tokens import BiscuitTokens
from devices.model.keys import Refusal
from devices.model.places import DoorId, HouseId
from devices.model.tokens import Pass
from firmware_bridge.ble.frames import Answered, Joiner, chunks
from firmware_bridge.idcard import frames as idcard
from firmware_bridge.mqtt import frigate, homeassistant, plain, zigbee2mqtt
from firmware_bridge.mqtt.retained import secret_in
from firmware_bridge.osdp import frames as osdp
from firmware_bridge.qr.passes import decode, encode
from ledger.keys import MasterKey
from tests.system.test_feed import SPEECH
from tests.unit.test_discovery import ESPHOME, ONE, TASMOTA, event_of_a_device
from tests.unit.test_frigate import event
from tests.unit.test_key_rules import key

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOKENS, PLACE = BiscuitTokens(MasterKey(b"m" * 32)), (HouseId("h"), DoorId("d"))
TOKEN = TOKENS.cut(key(doors=frozenset({PLACE[1]})), PLACE[0], b"h" * 32)
GOOD = TOKENS.read(TOKEN, *PLACE, NOW)
JOINER = Joiner()


def read_zigbee(raw: bytes) -> None:
    list(zigbee2mqtt.read("z", "z/front", raw, retained=False))
    list(zigbee2mqtt.read("z", "z/bridge/devices", raw, retained=True))


def read_discovery(raw: bytes) -> None:
    list(homeassistant.read_config(ONE, raw))
    for plan in (ESPHOME, TASMOTA):
        plain.bolt_of(plan, raw)
        plain.reachable(plan, raw)


def read_camera(raw: bytes) -> None:
    list(frigate.read("frigate/events", raw))
    secret_in(raw)


def read_frame(raw: bytes) -> None:
    for message in JOINER.feed(raw):
        Answered.decode(message)


def read_pass(raw: bytes) -> None:
    decode(raw.decode(errors="replace"))


def read_token(raw: bytes) -> None:
    said = TOKENS.read(raw, *PLACE, NOW)
    assert said.refusal is Refusal.FORGED or said == GOOD


OSDP = [
    osdp.Frame(3, osdp.POLL).encode(),
    osdp.Frame(3, osdp.NAK, b"\x06", reply=True, sequence=2).encode(),
    osdp.Frame(5, osdp.CHALLENGE, bytes(32), reply=True, block=b"\x12\x01").encode(),
]
CARD = [
    idcard.FIND.encode(),
    idcard.Reply(idcard.FOUND, bytearray(4)).encode(),
    idcard.Reply(idcard.DONE, bytearray(300)).encode(),
]
# Streams of frames: their good speech, and who finds frames in it.
CODECS = {"osdp": (OSDP, osdp.Frames), "id card": (CARD, idcard.Frames)}
BUFFERED = 16 * 1024
EACH = 1000


def read_stream(name: str, count: int, chance: random.Random) -> None:
    """Feed spoilt frames to a codec; a good one now and then is never held up."""
    speech, codec = CODECS[name]
    reader = codec()
    for number in range(count):
        list(reader.feed(spoilt(chance, chance.choice(speech))))
        if number % EACH == 0:
            assert list(reader.feed(speech[-1])), (name, number)
            assert len(reader._buffer) < BUFFERED


def told(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


# What is spoilt, who reads it, and how often among the others.
READERS: list[tuple[int, list[bytes], Callable[[bytes], None]]] = [
    (40, told(*SPEECH), read_zigbee),
    (25, told(event_of_a_device()), read_discovery),
    (15, told(event("new"), 1), read_camera),
    (15, list(chunks(b"x" * 200)), read_frame),
    (4, [encode(Pass(TOKEN, NOW, b"n" * 16, b"s" * 64)).encode()], read_pass),
    (1, [TOKEN], read_token),
]


def spoilt(chance: random.Random, good: bytes) -> bytes:
    raw = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    if chance.random() < 0.1:
        del raw[chance.randrange(len(raw)) :]
    return bytes(raw)


def main(count: str = "1000000", seed: str = "") -> None:
    chosen = int(seed or random.SystemRandom().randrange(10**9))
    print("seed", chosen, flush=True)  # noqa: T201
    chance = random.Random(chosen)  # noqa: S311 - to try the same again
    weights = [weight for weight, _, _ in READERS]
    for _ in range(int(count)):
        _, speech, reader = chance.choices(READERS, weights)[0]
        reader(spoilt(chance, chance.choice(speech)))
    for name in CODECS:
        read_stream(name, int(count), chance)
    print("read", count)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
