"""What is looked at of serial lines: readers of cards and PINs, and of ID cards."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.examination.check import Check, ask_box
from gateway.settings import LodgeSettings


def wired(settings: LodgeSettings) -> Iterator[Check]:
    """Look at each reader as the running box knows it, or at its port."""
    for told in _readers(settings):
        mend = MENDS[told["state"]]
        others = ", ".join(map(str, told["others"]))
        fix = mend.format(reader=told["reader"], port=told["port"], others=others)
        detail = f"{told['port']}, address {told['address']}: {told['state']}"
        yield Check(told["reader"], not fix, detail, fix)
    if port := settings.id_card.port:
        state = _port_state(port)
        fix = MENDS[state].format(port=port)
        yield Check("id card reader", not fix, f"{port}: {state}", fix)


def _readers(settings: LodgeSettings) -> list[dict[str, Any]]:
    """Ask the running box; where none answers, only the ports can be looked at."""
    if not settings.lines:
        return []
    told = ask_box(settings, "/readers")
    if told is None:
        return [
            {
                "reader": f"osdp:{line.name}:{reader.address}",
                "port": line.port,
                "address": reader.address,
                "state": _alone(line.port),
                "others": [],
            }
            for line in settings.lines
            for reader in line.readers
        ]
    found: list[dict[str, Any]] = told["readers"]
    return found


def _alone(port: str) -> str:
    """Say what a port tells of its readers while no box asks them."""
    state = _port_state(port)
    return NOT_ASKED if state == "good" else state


def _port_state(port: str) -> str:
    if not Path(port).exists():
        return "port_missing"
    return "good" if os.access(port, os.R_OK | os.W_OK) else "port_forbidden"


# What to do about a reader's state (docs/wiring.md tells more).
NOT_ASKED = "not_asked"
MENDS = {
    "good": "",
    NOT_ASKED: "start the box: only it can ask its readers",
    "port_missing": "plug the adapter in, or mend the port in the config: {port}",
    "port_forbidden": "let this account use {port}: add it to the group dialout",
    "port_taken": "end the other program that uses {port}",
    "silent": "check the reader's power, its wires A, B and ground, and its address",
    "garbage": "swap A and B; if it stays so, find the speed: "
    "`lodge devices find {port}` while the box is stopped",
    "other_address": "a reader answers at address {others}: mend the config, "
    "or the switches on the reader",
    "unsecured": "it has no secure channel: hang one there that has (OSDP v2 SC)",
    "wrong_key": "it holds another box's key: reset it as its maker says, "
    "then `lodge devices replace {reader}`",
    "default_key": "it has no key of its own. If you hung it there, "
    "`lodge devices replace {reader}`; if you did not, look at the door",
}
