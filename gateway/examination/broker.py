"""What is looked at of the broker: that it answers, what it keeps, whom it lets in."""

import asyncio
import socket
from collections.abc import Iterator

from aiomqtt import MqttError

from firmware_bridge.links.broker import BrokerAddress
from firmware_bridge.links.probing import faults, open_to_strangers
from firmware_bridge.links.sweeping import sweep
from gateway.examination.check import WITHIN, Check, ask_box
from gateway.mosquitto.devices import listens_shut
from gateway.settings import LodgeSettings
from gateway.wiring.broker import account_of, broker_of, place_of


def broker(settings: LodgeSettings) -> Check:
    """Look whether the broker answers."""
    told = settings.broker
    where = f"{told.host}:{told.port}"
    if not _answers(settings):
        fix = "start Mosquitto, or mend [broker] in the config"
        return Check("broker", ok=False, detail=f"{where} does not answer", fix=fix)
    return Check("broker", ok=True, detail=f"{where}, MQTT {told.version}")


def _answers(settings: LodgeSettings) -> bool:
    told = settings.broker
    try:
        socket.create_connection((told.host, told.port), WITHIN).close()
    except OSError:
        return False
    return True


def kept(settings: LodgeSettings) -> Iterator[Check]:
    """Look whom the broker lets in, and whether it keeps what nobody may keep."""
    doctor = account_of(settings, "doctor")
    try:
        yield from _strangers(settings, doctor)
        found = asyncio.run(sweep(doctor or broker_of(settings)))
    except (MqttError, OSError, TimeoutError):
        if _answers(settings):  # else it is said already
            who = "doctor" if doctor else "lodge"
            detail = f"nothing was tried: the account `{who}` is not let in"
            fix = "mend its password in the config, or at the broker"
            yield Check("broker's rules", ok=False, detail=detail, fix=fix)
        return
    detail = ", ".join(f"{kind} on {topic}" for topic, kind in found)
    fix = "cleared; have their senders keep none (retain, expose_pin, snapshots off)"
    yield Check(
        "kept messages", not found, detail or "no picture, no PIN", fix if found else ""
    )


def announced(settings: LodgeSettings) -> Iterator[Check]:
    """Look at what was announced as a lock and is not used, as the box saw it."""
    told = ask_box(settings, "/locks/announced")
    if told is None:
        return  # that it does not run is said below
    wrong = [
        f"{each['lock']} is announced by {each['source']} as well"
        for each in told.get("rivals", ())
    ]
    wrong += [f"{lock} left its bridge" for lock in told.get("left", ())]
    unusable = [
        f"{each['name']} ({each['source']}): {each['fault']} {each['detail']}".strip()
        for each in told.get("unusable", ())
    ]
    detail = "; ".join(wrong + unusable) or "each lock is announced once"
    fix = "the door's page shows both places; give each lock an id of its own"
    yield Check("announced locks", not wrong, detail, fix if wrong else "")


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
    port = settings.broker.devices_port
    if port is not None:
        wrong = asyncio.run(open_to_strangers(doctor, port))
        found += [wrong] if wrong else []
        if not listens_shut(place_of(settings), port):
            found.append(f"mosquitto/lodge.conf: port {port} is not as it was laid")
    detail = "; ".join(found) or "others can neither hear nor speak"
    fix = "use the rules that `lodge init` wrote: mosquitto/acl" if found else ""
    yield Check("broker's rules", not found, detail, fix)
