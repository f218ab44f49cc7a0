"""Devices beyond the box at its broker: a certificate each, and rules for it."""

import errno
import os
import re
import secrets
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.mqtt.topics import RESERVED, carried
from ledger.clock import SystemClock
from porch.authority import Seal, issue_device, make_device_authority

# Every address: a broker that waits for one would not start before the network is up.
BEYOND = """
# Beyond this machine nobody speaks without a certificate of `lodge broker device`
# (docs/operations.md, "Devices beyond the box").
listener {port}
cafile {keys}/devices.pem
certfile {keys}/broker.pem
keyfile {keys}/broker.key
require_certificate true
# A certificate's name is its account, and its client id.
use_identity_as_username true
use_username_as_clientid true
max_connections 128
set_tcp_nodelay true
"""
# What a device of a kind says and hears; {t} is its name.
KINDS: Mapping[str, Sequence[str]] = {
    "tasmota": (
        "write stat/{t}/#",
        "write tele/{t}/#",
        "read cmnd/{t}/#",
        "read cmnd/tasmotas/#",
    ),
    "esphome": ("readwrite {t}/#", "write homeassistant/+/{t}/#"),
    "zigbee2mqtt": ("readwrite {t}/#",),
    "homeassistant": ("read homeassistant/#", "read lodge/#", "write lodge/+/+/set"),
    "frigate": ("readwrite frigate/#",),
    "other": (),
}
# What the box does at a topic where the device does this.
MIRROR = {"read": "write", "write": "read", "readwrite": "readwrite"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
RULE = re.compile(r"(read|write|readwrite) (\S.*)")
BLOCK = re.compile(
    r"\n# device (?P<name>\S+) (?P<kind>\S+)\nuser (?P<user>\S+)\n"
    r"(?P<rules>.*?)# end (?P=name)\n",
    re.DOTALL,
)


class DeviceUnfit(Exception):
    """A device cannot be let in as it was told; says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that the broker lets in by its certificate."""

    name: str
    kind: str
    user: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """What a device is given: its certificate and its key, PEM."""

    device: Device
    certificate: bytes
    key: bytes


def open_beyond(folder: Path, keys: Path, host: str, port: int, seal: Seal) -> None:
    """Let devices on the network in by certificate: authority, and a listener for it.

    Raises FileExistsError where that was done before.
    """
    if (keys / "devices.sealed").exists():
        path = str(keys / "devices.sealed")
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    make_device_authority(keys, host, SystemClock().now(), seal)
    with (folder / "lodge.conf").open("a", encoding="utf-8") as conf:
        conf.write(BEYOND.format(keys=keys.resolve(), port=port))


def reload(folder: Path) -> bool:
    """Have the running broker read its rules anew; say whether one runs."""
    try:
        pid = int((folder / "mosquitto.pid").read_text("ascii"))
        if Path(f"/proc/{pid}/comm").read_text("ascii").strip() != "mosquitto":
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


def devices(folder: Path) -> list[Device]:
    """Return the devices that are let in, as the rules have them."""
    return list(_read((folder / "acl").read_text(encoding="utf-8")))


def let_in(
    folder: Path, keys: Path, told: tuple[str, str], rules: Sequence[str], unseal: Seal
) -> Issued:
    """Let a device in, by `(name, kind)` and its rules; return what it is given.

    Raises DeviceUnfit. Its account is its certificate's alone: whoever is taken out
    does not come back with what he was given.
    """
    name, kind = told
    if not (keys / "devices.sealed").exists():
        raise DeviceUnfit(
            "nobody beyond the box is let in: `lodge broker listen` first"
        )
    if not NAME.fullmatch(name):
        raise DeviceUnfit(f"{name!r}: letters, digits, - and _, at most 40")
    path = folder / "acl"
    text = path.read_text(encoding="utf-8")
    if any(each.name == name for each in _read(text)):
        raise DeviceUnfit(
            f"{name} is let in already: `lodge broker remove {name}` first"
        )
    if not rules:
        raise DeviceUnfit("it would say and hear nothing: name its topics")
    user = f"device-{name}-{secrets.token_hex(4)}"
    issued = issue_device(keys, user, SystemClock().now(), unseal)
    device = Device(name, kind, user, tuple(rules))
    _replace(path, text + _block(device))
    return Issued(device, *issued)


def take_out(folder: Path, name: str) -> None:
    """Let a device say and hear nothing any more; raise DeviceUnfit for no device."""
    path = folder / "acl"
    text = path.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if found["name"] == name:
            _replace(path, text[: found.start()] + text[found.end() :])
            return
    raise DeviceUnfit(f"no device is called {name}: see `lodge broker ls`")


def rules_of(kind: str, name: str, more: Sequence[str]) -> list[str]:
    """Return what a device of a kind says and hears, and what else it was told.

    Raises DeviceUnfit where these are not topics of its own.
    """
    own = KINDS[kind]
    if any("{t}" in rule for rule in own):
        _check(f"write {name}/#")
    for rule in more:
        _check(rule)
    return [*(rule.format(t=name) for rule in own), *more]


def _check(rule: str) -> None:
    found = RULE.fullmatch(rule)
    if found is None:
        raise DeviceUnfit(f"{rule!r}: `read TOPIC`, `write TOPIC` or `readwrite TOPIC`")
    topic = found[2]
    first = topic.split("/")[0]
    theirs = first in {"#", "+", "", "homeassistant"} or topic.startswith(RESERVED)
    if theirs or not carried(topic):
        raise DeviceUnfit(f"{topic!r}: not a device's own topics")


def _block(device: Device) -> str:
    own = [f"topic {rule}" for rule in device.rules]
    box = []
    for rule in device.rules:
        does, topic = rule.split(" ", 1)
        box.append(f"topic {MIRROR[does]} {topic}")
    head = f"\n# device {device.name} {device.kind}\nuser {device.user}\n"
    lines = "\n".join([*own, "user lodge", *box])
    return f"{head}{lines}\n# end {device.name}\n"


def _read(text: str) -> Iterator[Device]:
    for found in BLOCK.finditer(text):
        own = found["rules"].split("user lodge\n")[0].splitlines()
        rules = tuple(line.removeprefix("topic ") for line in own)
        yield Device(found["name"], found["kind"], found["user"], rules)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
