"""Brings a book's tables up to date, in a child process that ends with its memory."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from ledger.errors import LedgerError
from ledger.file import LedgerFile

HERE = Path(__file__).parent
WITHIN = 60


class MigrationFailed(LedgerError):
    """The tables could not be brought up to date; the file is as it was."""


def newest(folder: Path) -> str:
    """Return the revision that the code expects: the last of NNNN_title.py."""
    return max(path.name[:4] for path in folder.glob("[0-9]*.py"))


def bring_up_to_date(file: LedgerFile, folder: Path) -> None:
    """Migrate the book where it is behind; start no child where it is not."""
    if file.path.exists() and _revision(file) == newest(folder):
        return
    try:
        subprocess.run(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-m", "ledger.migrating", str(file.path), str(folder)],
            input=file.key.hex(),
            text=True,
            check=True,
            capture_output=True,
            timeout=WITHIN,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise MigrationFailed("the tables could not be brought up to date") from error


def _revision(file: LedgerFile) -> str | None:
    engine = file.engine(writing=False)
    try:
        with file.connect(engine) as connection:
            query = text("SELECT version_num FROM alembic_version")
            revision: str | None = connection.execute(query).scalar()
            return revision
    except DatabaseError:
        return None
    finally:
        engine.dispose()


def main() -> None:
    """Migrate: arguments file and folder, the key in hex on standard input."""
    from alembic import command  # noqa: PLC0415 - only the child pays for it
    from alembic.config import Config  # noqa: PLC0415

    path, folder = sys.argv[1:]
    key = bytes.fromhex(sys.stdin.read())
    engine = LedgerFile(Path(path), key, "migration").engine(writing=True)
    config = Config()
    config.set_main_option("script_location", str(HERE / "alembic"))
    config.set_main_option("version_locations", folder)
    config.set_main_option("path_separator", "newline")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


if __name__ == "__main__":
    main()
