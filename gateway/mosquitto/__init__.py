"""The broker's configuration that `lodge init` lays: safe as it stands.

Every program has an account of its own, which is its client id as well, so that no
account takes another's session; what none of them needs, none may say or hear.
"""

import base64
import getpass
import hashlib
import os
import secrets
from pathlib import Path

CONF = """# Mosquitto for a Lodge box: `mosquitto -c {folder}/lodge.conf`,
# in the place of the system's own. Made by `lodge init`; yours from now on.
per_listener_settings false
allow_anonymous false
{user}password_file {folder}/passwords
acl_file {folder}/acl
# What was acknowledged is on disk a second later, also after a power cut.
persistence true
persistence_location {store}/
autosave_on_changes true
autosave_interval 1
max_packet_size 1048576
max_queued_messages 100000

pid_file {folder}/mosquitto.pid

listener 1883 127.0.0.1
set_tcp_nodelay true
# An account is its client id: nobody takes over another's session.
use_username_as_clientid true
"""
# What each account may say and hear; `probe` may nothing, and `lodge doctor` tries it.
RULES = {
    "lodge": (
        "readwrite {base}/#",
        "readwrite lodge/#",
        "read homeassistant/#",
        "write homeassistant/device/#",
        "read frigate/#",
    ),
    "zigbee2mqtt": ("readwrite {base}/#",),
    "homeassistant": ("read homeassistant/#", "read lodge/#", "write lodge/+/+/set"),
    "frigate": ("readwrite frigate/#",),
    "doctor": ("readwrite #",),
    "probe": (),
}
# Mosquitto's own form of a password: PBKDF2-HMAC-SHA512 (mosquitto_passwd, "$7$").
ROUNDS, SALT_BYTES, HASH_BYTES = 101, 12, 64


def lay(folder: Path, keys: Path, base: str) -> None:
    """Write configuration, rules and accounts; each password lies beside the keys."""
    folder.mkdir(mode=0o755)
    store = folder / "store"
    store.mkdir(mode=0o700)
    passwords = []
    for user in RULES:
        password = secrets.token_urlsafe(24)
        _private(keys / f"{user}.password", f"{password}\n")
        passwords.append(f"{user}:{hashed(password)}\n")
    _private(folder / "passwords", "".join(passwords))
    _private(folder / "acl", _rules(base))
    where = {"folder": folder.resolve(), "store": store.resolve()}
    told = CONF.format(user=_user(), **where)
    (folder / "lodge.conf").write_text(told, encoding="utf-8")


def _user() -> str:
    """Return as whom a broker that root starts goes on; a bare machine has no names."""
    try:
        return f"user {getpass.getuser()}\n"
    except (KeyError, OSError):
        return ""


def hashed(password: str) -> str:
    """Return a password as Mosquitto keeps it."""
    salt = os.urandom(SALT_BYTES)
    told = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, HASH_BYTES)
    parts = (base64.b64encode(each).decode() for each in (salt, told))
    return f"$7${ROUNDS}${'$'.join(parts)}"


def _rules(base: str) -> str:
    lines = [
        "# Locks found by discovery, or mapped in the config, need their topics here."
    ]
    for user, rules in RULES.items():
        lines += ["", f"user {user}"]
        lines += [f"topic {rule.format(base=base)}" for rule in rules]
    return "\n".join(lines) + "\n"


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
