"""What verbs read off the ledger beside a running box."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

import devices.adapters.rows
import enrolment.adapters.rows
import ledger.rows
from cloud_sync.adapters.deliveries import every, status
from cloud_sync.model import Delivery, SyncStatus
from devices.adapters.journal import read_locks
from devices.adapters.keyring import read_keys
from devices.adapters.rows import door
from devices.model.locks import Lock
from devices.rules.tasks import battery_low
from devices.service.credentials import GOING
from enrolment.adapters.assessments import assessments
from enrolment.model.assessment import Stood
from gateway.settings import LodgeSettings
from gateway.wiring.stores import WRITER, file_of
from ledger.audit import Verification
from ledger.book import verify_audit
from ledger.clock import SystemClock
from ledger.file import LedgerFile, reading


def sync_status(settings: LodgeSettings, file: LedgerFile | None = None) -> SyncStatus:
    """Count the deliveries by state."""
    now = SystemClock().now()
    found = file or file_of(settings)
    return reading(found, lambda connection: status(connection, now))


def sync_list(settings: LodgeSettings) -> Sequence[Delivery]:
    """List the deliveries in the register's order."""
    return reading(file_of(settings), every)


def stood(settings: LodgeSettings) -> Sequence[Stood]:
    """List the impact assessments under which people agreed to face scans."""
    return reading(file_of(settings), assessments)


def audit_walk(settings: LodgeSettings, file: LedgerFile | None = None) -> Verification:
    """Walk the audit chain."""

    def walk(connection: Connection) -> Verification:
        return verify_audit(connection, WRITER)

    return reading(file or file_of(settings), walk)


def open_alarms(
    settings: LodgeSettings, file: LedgerFile | None = None
) -> dict[str, int]:
    """Count the alarms that nobody has accepted yet, by kind, each door's once."""
    task = devices.adapters.rows.task.c
    query = (
        select(task.incident, task.about)
        .distinct()
        .where(task.incident.is_not(None), task.accepted.is_(None))
        .where(task.closed.is_(None))
    )
    found = file or file_of(settings)
    return reading(found, lambda c: Counter(c.execute(query).scalars()))


def remains(settings: LodgeSettings) -> dict[str, int]:
    """Count what is left of people who may be gone: templates, keys, credentials."""
    counted = {
        "templates": enrolment.adapters.rows.template,
        "tenant_keys": ledger.rows.tenant_key,
        "credentials": devices.adapters.rows.credential,
    }

    def count(connection: Connection) -> dict[str, int]:
        return {
            name: connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one()
            for name, table in counted.items()
        }

    return reading(file_of(settings), count)


def list_keys(settings: LodgeSettings) -> list[dict[str, Any]]:
    """List the keys: state, window, doors, and what each lock holds of it."""

    def query(connection: Connection) -> list[dict[str, Any]]:
        keys, given, _ = read_keys(connection)
        return [
            {
                "key": key.id,
                "kind": key.kind.value,
                "user_type": key.user_type.value,
                "state": key.state.value,
                "start": key.starts.isoformat(),
                "end": key.ends.isoformat(),
                "doors": sorted(key.doors),
                "locks": {
                    each.lock: each.state.value
                    for each in given.values()
                    if each.key == key.id
                },
            }
            for key in sorted(keys.values(), key=lambda key: key.starts)
        ]

    return reading(file_of(settings), query)


def lock_states(settings: LodgeSettings) -> list[dict[str, Any]]:
    """Say of each lock that hangs on a door whether it needs somebody."""

    def query(connection: Connection) -> list[dict[str, Any]]:
        _, given, _ = read_keys(connection)
        hung = {row.lock for row in connection.execute(select(door.c.lock))}
        found = []
        for lock in read_locks(connection):
            if lock.id not in hung:
                continue
            waiting = sum(
                each.lock == lock.id and each.state in GOING for each in given.values()
            )
            faults = _faults(lock, waiting)
            found.append(
                {
                    "lock": lock.id,
                    "name": lock.name,
                    "ok": not faults,
                    "battery": lock.battery,
                    "reachable": lock.reachable,
                    "seen_at": lock.seen_at.isoformat() if lock.seen_at else None,
                    "unconfirmed_pins": waiting,
                    "detail": "; ".join(faults) or "as it should be",
                }
            )
        return found

    return reading(file_of(settings), query)


def _faults(lock: Lock, waiting: int) -> list[str]:
    silent = lock.seen_at is None
    return [
        *(["never heard of: check its power and its pairing"] if silent else []),
        *(["not reachable: check its power"] if lock.reachable is False else []),
        *(["battery low: change it"] if battery_low(lock.battery) else []),
        *([f"{waiting} PINs not confirmed yet"] if waiting else []),
    ]


def list_locks(settings: LodgeSettings) -> Sequence[Lock]:
    """List the locks as they last were."""
    return reading(file_of(settings), read_locks)
