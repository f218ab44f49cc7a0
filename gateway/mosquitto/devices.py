"""Devices beyond the box at its broker: a certificate each, and rules for it.

A broker that cannot read its rules may go on with none, so that nothing is put into the
file which is not looked at first, and what was put is taken back where it fails.
"""

import errno
import fcntl
import os
import re
import secrets
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from firmware_bridge.mqtt.topics import overlap, topic_filter_fault
from gateway.mosquitto import RULES
from ledger.clock import SystemClock
from porch.authority import (
    Seal,
    issue_device,
    make_device_authority,
    renew_broker,
)

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
# What that listener may not do without.
SHUT = {line for line in BEYOND.splitlines() if line.endswith(" true")}
# Where a device announces itself to Home Assistant.
ANNOUNCED = "homeassistant/+/{t}/#"
# What a device of a kind says and hears; {t} is its name.
KINDS: Mapping[str, Sequence[str]] = {
    "tasmota": (
        "write stat/{t}/#",
        "write tele/{t}/#",
        "read cmnd/{t}/#",
        "read cmnd/tasmotas/#",
    ),
    "esphome": ("readwrite {t}/#", f"write {ANNOUNCED}"),
    "zigbee2mqtt": ("readwrite {t}/#",),
    "homeassistant": ("read homeassistant/#", "read lodge/#", "write lodge/+/+/set"),
    "frigate": ("readwrite frigate/#",),
    "other": (),
}
# Kinds that stand for an account of the box's own, on another machine.
STAND_IN = {"zigbee2mqtt", "homeassistant", "frigate"}
# What devices of a kind hear together.
SHARED = "cmnd/tasmotas/#"
# What the box does at a topic where the device does this.
MIRROR = {"read": "write", "write": "read", "readwrite": "readwrite"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
# As a topic's first level these mean no device.
NO_NAMES = {"lodge", "homeassistant", "frigate", "cmnd", "stat", "tele", "tasmotas"}
RULE = re.compile(r"(read|write|readwrite) (\S.*)")
HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
PORT_MAX = 65535


class DeviceUnfit(Exception):
    """A device cannot be let in as it was told; says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that the broker lets in by its certificate."""

    name: str
    kind: str
    user: str
    rules: tuple[str, ...]

    @property
    def topics(self) -> list[str]:
        """What its rules are about, and nobody else's."""
        if self.kind in STAND_IN:
            return []
        told = (rule.split(" ", 1)[1] for rule in self.rules)
        return [each for each in told if each != SHARED]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box's broker has its files, and its topics."""

    folder: Path
    keys: Path
    base: str

    @property
    def rules(self) -> Path:
        """The file that says what each account may say and hear."""
        return self.folder / "acl"


def open_beyond(place: Place, host: str, port: int, seal: Seal) -> None:
    """Let devices on the network in by certificate: authority, and a listener for it.

    Raises DeviceUnfit, FileExistsError where that was done before.
    """
    known = _host(host)
    conf = place.folder / "lodge.conf"
    if not 0 < port <= PORT_MAX or re.search(rf"(?m)^listener {port}\b", _text(conf)):
        raise DeviceUnfit(f"{port}: not a free port")
    path = place.keys / "devices.sealed"
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        make_device_authority(place.keys, known, SystemClock().now(), seal)
        for each in (*place.keys.glob("devices.*"), *place.keys.glob("broker.*")):
            _owned(each, place.keys)
        told = BEYOND.format(keys=place.keys.resolve(), port=port)
        _replace(conf, _text(conf) + told)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def move(place: Place, host: str, unseal: Seal) -> None:
    """Have the broker known by another address, as after the box has moved."""
    renew_broker(place.keys, _host(host), SystemClock().now(), unseal)
    for each in place.keys.glob("broker.*"):
        _owned(each, place.keys)


def listens_shut(place: Place, port: int) -> bool:
    """Say whether the configuration shuts the listener for devices as it was laid."""
    blocks = re.split(r"(?m)^listener ", _text(place.folder / "lodge.conf"))[1:]
    mine = [block for block in blocks if re.match(rf"{port}\b", block)]
    return bool(mine) and all(set(block.splitlines()) >= SHUT for block in mine)


def devices(place: Place) -> list[Device]:
    """Return the devices that are let in, as the rules have them."""
    return list(_read(_text(place.rules)))


def planned(place: Place, name: str, kind: str, more: Sequence[str]) -> Device:
    """Return a device as it would be let in, by its kind's rules and what it was told.

    Raises DeviceUnfit. Its account is its certificate's alone: whoever is taken out
    does not come back with what he was given.
    """
    _named(place, name, kind)
    for rule in more:
        _check(rule)
    own = [rule.format(t=name) for rule in KINDS[kind]]
    if not [*own, *more]:
        raise DeviceUnfit("it would say and hear nothing: name its topics")
    user = f"device-{name}-{secrets.token_hex(4)}"
    device = Device(name, kind, user, (*own, *more))
    for rule in more if kind in STAND_IN else device.rules:
        _apart(place, rule.split(" ", 1)[1], name)
    return device


def issue(place: Place, device: Device, unseal: Seal) -> tuple[bytes, bytes]:
    """Return a device's certificate and key (PEM)."""
    return issue_device(place.keys, device.user, SystemClock().now(), unseal)


@contextmanager
def changing(place: Place) -> Iterator[None]:
    """Change the rules alone, and take the change back where it does not take hold."""
    folder = os.open(place.folder, os.O_RDONLY)  # locked itself: no file is left
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = _text(place.rules)
        try:
            yield
        except BaseException:
            if _text(place.rules) != before:
                _replace(place.rules, before)
                reload(place)
            raise
    finally:
        os.close(folder)


def let_in(place: Place, device: Device) -> None:
    """Let a device in; raise DeviceUnfit where one of its name is."""
    text = _text(place.rules)
    if any(each.name == device.name for each in _read(text)):
        again = f"`lodge broker remove {device.name}`"
        raise DeviceUnfit(f"{device.name} is there already: {again}")
    _replace(place.rules, text.rstrip("\n") + "\n\n" + _block(device))


def take_out(place: Place, name: str) -> Device:
    """Let a device say and hear nothing any more; raise DeviceUnfit for no device."""
    text = _text(place.rules)
    for device in _read(text):
        if device.name == name:
            lines = text.splitlines(keepends=True)
            start = lines.index(f"# device {name} {device.kind}\n")
            end = lines.index(f"# end {name}\n", start)
            _replace(place.rules, "".join(lines[:start] + lines[end + 1 :]))
            return device
    raise DeviceUnfit(f"no device is called {name}: see `lodge broker ls`")


def reload(place: Place) -> bool:
    """Have the running broker read its rules anew; say whether one of ours runs."""
    conf = (place.folder / "lodge.conf").resolve()
    try:
        pid = int((place.folder / "mosquitto.pid").read_text("ascii"))
        runs = Path(f"/proc/{pid}")
        told = (runs / "cmdline").read_bytes().decode(errors="replace").split("\0")
        at = (runs / "cwd").readlink()
        if not any((at / each).resolve() == conf for each in told if each):
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


def _host(host: str) -> str:
    """Return an address or name as certificates have it; raise DeviceUnfit."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise DeviceUnfit(f"{host!r}: not an address or name") from error
    if not HOST.fullmatch(name):
        raise DeviceUnfit(f"{host!r}: not an address or name")
    return name


def _named(place: Place, name: str, kind: str) -> None:
    """Raise DeviceUnfit where nothing of a kind can be called so."""
    if not NAME.fullmatch(name):
        raise DeviceUnfit(f"{name!r}: letters, digits, - and _, at most 40")
    if kind not in KINDS:
        raise DeviceUnfit(f"{kind!r}: one of {', '.join(KINDS)}")
    if not (place.keys / "devices.sealed").exists():
        raise DeviceUnfit("no listener beyond the box: `lodge broker listen` first")
    if kind == "zigbee2mqtt" and name != place.base:
        raise DeviceUnfit(f"{name}: a bridge is called by its base, {place.base}")
    if kind not in STAND_IN and name in {*NO_NAMES, place.base}:
        raise DeviceUnfit(f"{name}: not a device's own topics")


def _check(rule: str) -> None:
    found = RULE.fullmatch(rule)
    if found is None:
        raise DeviceUnfit(f"{rule!r}: `read TOPIC`, `write TOPIC` or `readwrite TOPIC`")
    if why := topic_filter_fault(found[2]):
        raise DeviceUnfit(f"{found[2]!r}: {why}")


def _apart(place: Place, topic: str, name: str) -> None:
    """Raise DeviceUnfit where a topic is somebody else's as well."""
    if topic in {SHARED, ANNOUNCED.format(t=name)}:
        return
    for device in devices(place):
        if any(overlap(each, topic) for each in device.topics):
            raise DeviceUnfit(f"{topic!r}: {device.name} has it, see `lodge broker ls`")
    told = {rule.split(" ", 1)[1] for rules in RULES.values() for rule in rules}
    if any(overlap(each.format(base=place.base), topic) for each in told - {"#"}):
        raise DeviceUnfit(f"{topic!r}: the box's own, not a device's")


def _block(device: Device) -> str:
    own = [f"topic {rule}" for rule in device.rules]
    box = []
    for rule in device.rules:
        does, topic = rule.split(" ", 1)
        box.append(f"topic {MIRROR[does]} {topic}")
    head = f"# device {device.name} {device.kind}\nuser {device.user}\n"
    lines = "\n".join([*own, "user lodge", *box])
    return f"{head}{lines}\n# end {device.name}\n"


def _read(text: str) -> Iterator[Device]:
    """Read the devices of a rules' file, line by line; people write in it, too."""
    found: Device | None = None
    mine = False
    for line in text.split("\n"):
        match line.split(" "):
            case ["#", "device", name, kind]:
                found, mine = Device(name, kind, "", ()), False
            case ["#", "end", name] if found is not None and found.name == name:
                yield found
                found = None
            case ["user", user] if found is not None:
                mine = not found.user
                found = replace(found, user=found.user or user)
            case ["topic", *rule] if found is not None and mine:
                found = replace(found, rules=(*found.rules, " ".join(rule)))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _replace(path: Path, text: str) -> None:
    """Put a file in another's place, whole, and as its owner's."""
    was = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), was.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), was.st_uid, was.st_gid)
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _owned(path: Path, folder: Path) -> None:
    """Give what root made to whose folder it is: the broker runs as he."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
