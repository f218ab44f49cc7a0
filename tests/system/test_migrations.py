"""A box that was in use before keys opened several doors comes along whole."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from devices.adapters.houses import LedgerHouses
from devices.adapters.keyring import LedgerKeyRing
from devices.model.keys import CredentialState, KeyKind, KeyState
from gateway.wiring.stores import MIGRATIONS
from ledger.book import Book
from ledger.file import LedgerFile
from ledger.keys import MasterKey
from ledger.migrating import MigrationFailed, bring_up_to_date

BEFORE = [
    (
        "INSERT INTO house VALUES ('h', 'n', 'a', '330522', 'account', 'l', 'p', "
        "'Asia/Shanghai', '')"
    ),
    "INSERT INTO room VALUES ('r', 'h', '101')",
    "INSERT INTO door VALUES ('d', 'h', 'front', '0x1', 'pad')",
    "INSERT INTO lock VALUES ('0x1', 'front', 'YRD', 30, 'locked', 90, 1, NULL)",
    (
        "INSERT INTO ekey VALUES ('k', 'd', 't', '2026-01-01 00:00:00.000000', "
        "'2027-01-01 00:00:00.000000', 'active')"
    ),
    "INSERT INTO credential VALUES ('k', '0x1', 3, x'01', x'02', 'confirmed', 0, NULL)",
]


@pytest.fixture
def old(tmp_path: Path) -> LedgerFile:
    """A ledger as the first tables had it, with a house, a key and a PIN in it."""
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(next(MIGRATIONS.glob("0001_*.py")), folder)
    file = LedgerFile(tmp_path / "lodge.db", b"k" * 32, "box")
    bring_up_to_date(file, folder)
    engine = file.engine(writing=True)
    with engine.connect() as connection:
        for statement in BEFORE:
            connection.execute(text(statement))
    engine.dispose()
    return file


async def test_houses_keys_and_pins_come_along(old: LedgerFile, clock) -> None:
    bring_up_to_date(old, MIGRATIONS)
    book = Book(old, clock)
    ring = LedgerKeyRing(book, MasterKey(b"m" * 32))
    await ring.refresh()
    [(credential, key)] = ring.credentials()
    assert (credential.slot, credential.state) == (3, CredentialState.CONFIRMED)
    assert (key.kind, key.state) == (KeyKind.LEASE, KeyState.ACTIVE)
    assert (key.doors, key.issuer, key.since) == ({"d"}, "account", key.starts)
    [door] = await LedgerHouses(book).every_door()
    assert (door.keypad, door.room) == ("pad", "r")  # its house has one room
    book.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    old: LedgerFile, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "0003_broken.py").write_text(
        'revision = "0003"\ndown_revision = "0002"\n\n\n'
        "def upgrade():\n    raise RuntimeError\n"
    )
    with pytest.raises(MigrationFailed):
        bring_up_to_date(old, folder)
    engine = old.engine(writing=False)
    with old.connect(engine) as connection:
        told = connection.execute(text("SELECT version_num FROM alembic_version"))
        assert told.scalar() == "0001"
        assert connection.execute(text("SELECT door FROM ekey")).scalar() == "d"
    engine.dispose()
