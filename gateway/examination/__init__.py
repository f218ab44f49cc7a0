"""What `lodge doctor` looks at, and what it says to do."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import httpx

from gateway.examination.broker import announced, broker, kept
from gateway.examination.check import WITHIN, Check
from gateway.examination.faces import faces
from gateway.examination.wires import wired
from gateway.settings import LodgeSettings
from gateway.wiring.readers import audit_walk, open_alarms, sync_status
from gateway.wiring.stores import file_of
from ledger.clock import SystemClock
from ledger.errors import LedgerError
from ledger.keys import read_secret
from porch.certificates import CertificateUnusable, certified
from porch.errors import ConfigUnusable

# Seconds that sixteen thousand backslashes may take.
SLOW = 0.2
# How a ledger begins that nobody sealed.
PLAIN = b"SQLite format 3\0"
# Certificates of ninety days are renewed after sixty.
RENEWED_BEFORE = timedelta(days=14)


def examine(config: Path) -> list[Check]:
    """Look at everything; stop early only where nothing further can be read."""
    try:
        settings = LodgeSettings.load(config)
    except ConfigUnusable as error:
        return [Check("config", ok=False, detail=str(error), fix="mend the file")]
    return [Check("config", ok=True, detail=str(config)), *_all(settings)]


def _all(settings: LodgeSettings) -> Iterator[Check]:
    yield _key(settings)
    yield from _sealed(settings)
    yield _socket(settings)
    yield _interpreter()
    yield from _ledger(settings)
    yield broker(settings)
    yield from kept(settings)
    yield from announced(settings)
    yield from wired(settings)
    yield from faces(settings)
    yield from _certificate(settings)
    yield _paired(settings)
    yield _running(settings)


def _key(settings: LodgeSettings) -> Check:
    if settings.key_source == "operator":
        return Check("key", ok=True, detail="the operator gives it at every start")
    try:
        read_secret(settings.at(settings.master_key))
    except LedgerError as error:
        return Check("key", ok=False, detail=str(error), fix="put the key file back")
    detail = "the key is a file: whoever takes the card can read this box"
    return Check("key", ok=True, detail=detail)


def _sealed(settings: LodgeSettings) -> Iterator[Check]:
    """Look at what the face rules of 2025 (article 14) want on: encryption, access."""
    path = settings.at(settings.database)
    try:
        with path.open("rb") as file:
            plain = file.read(len(PLAIN)) == PLAIN
    except OSError:
        return  # that the ledger cannot be read is said below
    detail = "others can read the ledger as it is" if plain else "the ledger is sealed"
    fix = "take the box off the network and restore a backup" if plain else ""
    yield Check("encryption", not plain, detail, fix)
    secrets = [path, *settings.at(settings.master_key).parent.glob("*.key")]
    secrets += [settings.at(each.source_file) for each in settings.cameras]
    if settings.broker.password_file is not None:
        secrets.append(settings.at(settings.broker.password_file))
    secrets += settings.at(settings.master_key).parent.glob("*.password")
    wide = [str(e) for e in secrets if e.exists() and e.stat().st_mode & 0o077]
    detail = f"others can read {', '.join(wide)}" if wide else "secrets are the owner's"
    fix = f"chmod 600 {' '.join(wide)}" if wide else ""
    yield Check("access", not wide, detail, fix)
    unseen = [each.door for each in settings.cameras if each.checked is None]
    if unseen:
        detail = f"off at {', '.join(unseen)}: nobody has checked what it sees"
        fix = "go through the list in docs/operations.md, and write `checked`"
        yield Check("cameras", ok=False, detail=detail, fix=fix)


def _socket(settings: LodgeSettings) -> Check:
    """Look at who can reach the socket by which verbs speak to the box."""
    path = settings.at(settings.socket)
    group = settings.control_group
    open_ = path.exists() and bool(path.stat().st_mode & (0o007 if group else 0o077))
    detail = (
        f"others reach {path}" if open_ else f"it is {group or 'its owner'}'s alone"
    )
    fix = "stop the box, remove the socket, start it again" if open_ else ""
    return Check("control socket", not open_, detail, fix)


def _interpreter() -> Check:
    """Look whether this Python takes a browser's cookies in bounded time.

    CVE-2024-7592 by its behaviour: distributions mend without a new number. The pages
    take no cookie long enough for it to matter.
    """
    short, long = _unquoted(2_000), _unquoted(16_000)
    slow = long > 24 * short and long > SLOW
    version = ".".join(map(str, sys.version_info[:3]))
    detail = f"Python {version}" + (" reads long cookies slowly" if slow else "")
    fix = "update it; until then the pages refuse long cookies" if slow else ""
    return Check("interpreter", not slow, detail, fix)


def _unquoted(length: int) -> float:
    cookie = SimpleCookie()
    began = time.perf_counter()
    cookie.load('x="' + "\\a" * length + '"')
    return time.perf_counter() - began


def _ledger(settings: LodgeSettings) -> Iterator[Check]:
    try:
        file = file_of(settings)
        found = audit_walk(settings, file)
        status = sync_status(settings, file)
        alarms = open_alarms(settings, file)
    except LedgerError as error:
        yield Check("ledger", ok=False, detail=str(error), fix="restore a backup")
        return
    detail = f"{found.entries} audit entries"
    fix = "" if found.ok else "keep the file as it is and restore a backup elsewhere"
    yield Check("ledger", found.ok, detail, fix)
    open_ = status.queued + status.sending + status.unknown
    refused = status.rejected
    detail = f"{status.accepted} accepted, {open_} on the way, {refused} refused"
    fix = "see `lodge sync show`, mend, then `lodge sync retry`"
    yield Check("deliveries", not refused, detail, fix if refused else "")
    detail = ", ".join(f"{n} {kind}" for kind, n in alarms.items()) or "none is open"
    fix = "the landlord's first page says what to do about each" if alarms else ""
    yield Check("alarms", not alarms, detail, fix)


def _certificate(settings: LodgeSettings) -> Iterator[Check]:
    path = settings.web.certificate
    if path is None:
        return
    try:
        found = certified(path)
    except CertificateUnusable as error:
        fix = "put it back, or renew it (docs/operations.md)"
        yield Check("certificate", ok=False, detail=str(error), fix=fix)
        return
    who = "the box's own authority" if found.ours else "one that phones trust"
    ok = found.until - SystemClock().now() > RENEWED_BEFORE
    detail = f"by {who}, until {found.until:%Y-%m-%d}"
    fix = "" if ok else "renew it now (docs/operations.md)"
    yield Check("certificate", ok, detail, fix)


def _paired(settings: LodgeSettings) -> Check:
    if settings.at(settings.pairing).exists():
        return Check("station", ok=True, detail="paired")
    fix = "get a code from the officer, then `lodge pair ADDRESS CODE`"
    return Check("station", ok=False, detail="not paired", fix=fix)


def _running(settings: LodgeSettings) -> Check:
    address = f"{settings.web.address}/healthz"
    try:
        # Only its own health is asked; the local CA may not be known to this account.
        answer = httpx.get(address, timeout=WITHIN, verify=False)  # noqa: S501
    except httpx.HTTPError:
        fix = "run `lodge run`, or look at its log"
        return Check("running", ok=False, detail="no answer", fix=fix)
    reasons = ", ".join(answer.json().get("reasons", [])) or "ready"
    fix = "" if answer.is_success else "mend what it names"
    return Check("running", answer.is_success, reasons, fix)
