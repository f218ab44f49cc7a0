"""What `lodge doctor` looks at, and what it says to do."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
from aiomqtt import MqttError

from enrolment.model.assessment import Feature, Off
from enrolment.rules.assessment import off
from enrolment.rules.days import day_here
from enrolment.rules.faces import THRESHOLDS
from enrolment.rules.filing import FILED_FROM, Filing, filing
from firmware_bridge.links.broker import BrokerAddress
from firmware_bridge.links.probing import faults
from firmware_bridge.links.sweeping import sweep
from gateway.assessment import read as read_assessment
from gateway.settings import LodgeSettings
from gateway.wiring.broker import account_of, broker_of
from gateway.wiring.faces import faults_of_models, held_models, missing
from gateway.wiring.readers import audit_walk, open_alarms, remains, sync_status
from gateway.wiring.stores import file_of
from ledger.clock import SystemClock
from ledger.errors import LedgerError
from ledger.keys import read_secret
from porch.certificates import CertificateUnusable, certified
from porch.errors import ConfigUnusable

WITHIN = 3.0
# Seconds that sixteen thousand backslashes may take.
SLOW = 0.2
# How a ledger begins that nobody sealed.
PLAIN = b"SQLite format 3\0"
# A silent reader's line is looked through, address by address.
LOOKING = 15.0
# Certificates of ninety days are renewed after sixty.
RENEWED_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


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
    yield _broker(settings)
    yield from _kept(settings)
    yield from _wired(settings)
    yield from _faces(settings)
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


def _broker(settings: LodgeSettings) -> Check:
    broker = settings.broker
    where = f"{broker.host}:{broker.port}"
    try:
        socket.create_connection((broker.host, broker.port), WITHIN).close()
    except OSError:
        fix = "start Mosquitto, or mend [broker] in the config"
        return Check("broker", ok=False, detail=f"{where} does not answer", fix=fix)
    return Check("broker", ok=True, detail=f"{where}, MQTT {broker.version}")


def _kept(settings: LodgeSettings) -> Iterator[Check]:
    try:
        doctor = account_of(settings, "doctor")
        yield from _strangers(settings, doctor)
        found = asyncio.run(sweep(doctor or broker_of(settings)))
    except (MqttError, OSError, TimeoutError):
        return  # that the broker does not answer is said already
    detail = ", ".join(f"{kind} on {topic}" for topic, kind in found)
    fix = "cleared; have their senders keep none (retain, expose_pin, snapshots off)"
    yield Check(
        "kept messages", not found, detail or "no picture, no PIN", fix if found else ""
    )


def _strangers(
    settings: LodgeSettings, doctor: BrokerAddress | None
) -> Iterator[Check]:
    """Try at the broker what others may hear and say."""
    probe = account_of(settings, "probe")
    if doctor is None or probe is None:
        detail = (
            "not tried: it has no accounts `doctor` and `probe` (docs/operations.md)"
        )
        yield Check("broker's rules", ok=True, detail=detail)
        return
    found = asyncio.run(faults(doctor, probe, settings.broker.base))
    detail = "; ".join(found) or "others can neither hear nor speak"
    fix = "use the rules that `lodge init` wrote: mosquitto/acl" if found else ""
    yield Check("broker's rules", not found, detail, fix)


def _wired(settings: LodgeSettings) -> Iterator[Check]:
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
    transport = httpx.HTTPTransport(uds=str(settings.at(settings.socket)))
    try:
        with httpx.Client(transport=transport, timeout=LOOKING) as client:
            answer = client.get("http://lodge/readers").raise_for_status()
            found: list[dict[str, Any]] = answer.json()["readers"]
            return found
    except (httpx.HTTPError, ValueError, KeyError):
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


def _faces(settings: LodgeSettings) -> Iterator[Check]:
    models = settings.at(settings.faces.models)
    wrong = faults_of_models(models)
    if missing(settings.faces.engine):
        detail = f"{settings.faces.engine.value} is chosen and not installed"
        yield Check("faces", ok=False, detail=detail, fix="`make dlib`, or `sface`")
    elif wrong:
        detail = ", ".join(f"{name}: {why}" for name, why in wrong.items())
        fix = "`lodge models add` them again"
        yield Check("faces", ok=False, detail=detail, fix=fix)
    else:
        yield Check("faces", ok=True, detail=_looked_at(settings, models))
    try:
        stored = remains(settings)["templates"]
    except LedgerError:
        return  # that the ledger cannot be read is said already
    stands = filing(stored)
    detail = f"{stored} templates; {FILED_FROM} have to be filed"
    yield Check("stored faces", ok=not FILE[stands], detail=detail, fix=FILE[stands])


FILE = {
    Filing.FREE: "",
    Filing.NEAR: "prepare the filing with the provincial network information office",
    Filing.DUE: "file with the provincial network information office within 30 working "
    "days",
}


def _looked_at(settings: LodgeSettings, models: Path) -> str:
    told = read_assessment(settings.at(settings.faces.assessment))
    why = off(told, Feature.FACE_SCAN, day_here(SystemClock().now()))
    if why is None and not any(each.judges for each in held_models(models)):
        why = Off.NO_LIVENESS
    state = f"off: {why.value}; people look at documents" if why else "on"
    chosen = settings.faces.engine
    return f"{state}, {chosen.value}: {THRESHOLDS[chosen].measured}"


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
