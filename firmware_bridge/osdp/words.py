"""What readers say and are told, as libosdp puts it into dictionaries (osdp.h)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

# osdp.h: enum osdp_event_type, osdp_cmd_e, osdp_status_report_type.
CARD, KEYS, STATUS, NOTICE = 1, 2, 4, 5
OUTPUT, LED, BUZZER, TEXT = 1, 2, 3, 4
INPUTS, OUTPUTS, LOCAL = 0, 1, 2
SECURE_NOTICE, ONLINE_NOTICE = 1, 2
WIEGAND = 1
# The standard's keypad bytes for the two keys beside the zero (7.12).
STAR, HASH = "\x7f", "\r"
DIGITS = frozenset("0123456789")
# Timers of outputs and lights count tenths of a second.
TICK = timedelta(milliseconds=100)
# Codes for an output (6.6): leave it; off, what runs out by itself runs on; on a while.
UNTOUCHED, AT_REST, FOR_A_WHILE = 0, 3, 5
STEADY_BEEP = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that were pressed, in order: digits, `*`, `#`; a secret."""

    keys: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Card:
    """A card's number as a code that stands for a key; a secret."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Misread:
    """A card whose parity is wrong: hold it again."""


@dataclass(frozen=True, slots=True)
class Local:
    """The reader's own state: its case opened, its power failing."""

    tamper: bool
    power: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """The reader's input contacts, in order; true where active."""

    active: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The reader's outputs, in order; true where switched."""

    active: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Secure:
    """Whether the secure channel stands, and whether on the default key."""

    on: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Online:
    """Whether the reader takes part."""

    on: bool


Event = Keys | Card | Misread | Local | Inputs | Outputs | Secure | Online


def read(said: Mapping[str, Any]) -> Iterator[Event]:
    """Yield what an event of libosdp's says."""
    match said:
        case {"event": 2, "data": bytes(pressed)}:
            yield Keys("".join(map(_key, pressed.decode("latin-1"))))
        case {"event": 1, "length": int(bits), "data": bytes(raw), "format": form}:
            yield _card(bits, raw, wiegand=form == WIEGAND)
        case {"event": 4, "type": int(kind), "report": bytes(report)}:
            yield from _status(kind, report)
        case {"event": 5, "type": 1, "arg0": on, "arg1": default}:
            yield Secure(bool(on), bool(default))
        case {"event": 5, "type": 2, "arg0": on}:
            yield Online(bool(on))


def _key(pressed: str) -> str:
    return {STAR: "*", HASH: "#"}.get(pressed, pressed)


def _status(kind: int, report: bytes) -> Iterator[Event]:
    active = tuple(map(bool, report))
    if kind == INPUTS:
        yield Inputs(active)
    elif kind == OUTPUTS:
        yield Outputs(active)
    elif kind == LOCAL and len(active) > 1:
        yield Local(active[0], active[1])


def _card(bits: int, raw: bytes, *, wiegand: bool) -> Card | Misread:
    if not 0 < bits <= len(raw) * 8:
        return Misread()
    number = int.from_bytes(raw) >> (len(raw) * 8 - bits)
    if wiegand and not _parity(number, bits):
        return Misread()
    kind = "W" if wiegand else "R"
    return Card(f"{kind}{bits:03}{number:0{-(-bits // 4)}X}")


# Bits under even and odd parity, from the first: 26 (H10301), 34, and 37 (H10304,
# whose halves share the middle bit).
PARITY = {26: (13, 13), 34: (17, 17), 37: (19, 19)}


def _parity(number: int, bits: int) -> bool:
    if bits not in PARITY:
        return True
    even, odd = PARITY[bits]
    first, last = number >> (bits - even), number & ((1 << odd) - 1)
    return first.bit_count() % 2 == 0 and last.bit_count() % 2 == 1


def strike(output: int, time: timedelta) -> dict[str, Any]:
    """Switch an output for a while; the reader itself switches it back."""
    return _switch(output, FOR_A_WHILE, time // TICK)


def rest(output: int) -> dict[str, Any]:
    """Leave an output off, but for what was switched on for a while and runs on."""
    return _switch(output, AT_REST)


def untouched(output: int) -> dict[str, Any]:
    """Change nothing at an output: what takes this takes commands."""
    return _switch(output, UNTOUCHED)


def _switch(output: int, code: int, ticks: int = 0) -> dict[str, Any]:
    return {
        "command": OUTPUT,
        "output_no": output,
        "control_code": code,
        "timer_count": ticks,
    }


class Light(Enum):
    """Colours of a reader's light (osdp.h, enum osdp_led_color_e)."""

    RED = 1
    GREEN = 2
    AMBER = 3


def light(colour: Light, time: timedelta) -> dict[str, Any]:
    """Show a colour for a while, then what was shown before."""
    return {
        "command": LED,
        "reader": 0,
        "led_number": 0,
        "temporary": True,
        "control_code": 2,
        "on_count": 1,
        "off_count": 0,
        "on_color": colour.value,
        "off_color": colour.value,
        "timer_count": time // TICK,
    }


def beep(times: int) -> dict[str, Any]:
    """Beep so often, a fifth of a second each: once is yes, thrice is no."""
    return {
        "command": BUZZER,
        "reader": 0,
        "control_code": STEADY_BEEP,
        "on_count": 2,
        "off_count": 2,
        "rep_count": times,
    }


def show(text: str, time: timedelta) -> dict[str, Any]:
    """Show a text on a reader's display for a while (ASCII alone, 6.13)."""
    return {
        "command": TEXT,
        "reader": 0,
        "control_code": 2,
        "temp_time": int(time.total_seconds()),
        "offset_row": 1,
        "offset_col": 1,
        "data": text.encode("ascii", "replace").decode()[:32],
    }
