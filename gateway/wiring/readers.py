"""What verbs read off the ledger beside a running box."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

import devices.adapters.rows
import enrolment.adapters.rows
import ledger.rows
from cloud_sync.adapters.deliveries import every, status
from cloud_sync.model import Delivery, SyncStatus
from devices.adapters.journal import read_locks
from devices.model.locks import Lock
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


def audit_walk(settings: LodgeSettings, file: LedgerFile | None = None) -> Verification:
    """Walk the audit chain."""

    def walk(connection: Connection) -> Verification:
        return verify_audit(connection, WRITER)

    return reading(file or file_of(settings), walk)


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


def list_locks(settings: LodgeSettings) -> Sequence[Lock]:
    """List the locks as they last were."""
    return reading(file_of(settings), read_locks)
