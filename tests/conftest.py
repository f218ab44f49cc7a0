"""What tests share: a ledger of their own, a clock that they set, the data beside."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from gateway.wiring.stores import METADATA, Stores
from ledger.book import Book
from ledger.file import LedgerFile
from ledger.keys import MasterKey
from tests.fakes import FixedClock

settings.register_profile("lodge", deadline=None)
settings.load_profile("lodge")
# Where `make test` keeps what it fetches for tests alone.
CACHE = Path(os.environ.get("LODGE_CACHE", Path.home() / ".cache" / "lodge"))
SHARED = Path(os.environ.get("LODGE_SHARED", Path(__file__).parents[2] / "shared"))


# A browser and the programs that it visits take longer than everything else.
BROWSER = Path(__file__).parent / "web"
BROWSER_WITHIN = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give browsers their time."""
    for item in items:
        browser = BROWSER in item.path.parents
        if browser and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BROWSER_WITHIN))


class Beside(LoadScopeScheduling):
    """Keeps browsers to one process, one after another.

    Most other tests wait for lines and clocks, beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/web/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Beside:
    """Have tests shared out by `Beside`."""
    return Beside(config, log)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))


@pytest.fixture
def file(tmp_path: Path) -> LedgerFile:
    found = LedgerFile(tmp_path / "lodge.db", b"k" * 32, "box")
    engine = found.engine(writing=True)
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    engine.dispose()
    return found


@pytest.fixture
def book(file: LedgerFile, clock: FixedClock) -> Iterator[Book]:
    opened = Book(file, clock)
    yield opened
    opened.close()


@pytest.fixture
def stores(book: Book, clock: FixedClock) -> Stores:
    return Stores(book, MasterKey(b"m" * 32), clock)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the data folder is not beside the checkout (LODGE_SHARED)")
    return SHARED


@pytest.fixture
def window(clock: FixedClock) -> tuple[datetime, datetime]:
    return clock.now() - timedelta(days=1), clock.now() + timedelta(days=90)
