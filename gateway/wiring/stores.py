"""Everything that lies on the box's ledger."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import MetaData, func, select

import cloud_sync.adapters.rows
import devices.adapters.rows
import enrolment.adapters.rows
import ledger.rows
import porch.rows
from cloud_sync.adapters.deliveries import LedgerDeliveries
from devices.adapters.announcements import LedgerAnnouncements
from devices.adapters.houses import LedgerHouses
from devices.adapters.journal import LedgerJournal, LedgerLocks
from devices.adapters.keyring import LedgerKeyRing
from devices.adapters.readers import LedgerReaderKeys
from devices.adapters.tasks import LedgerApprovals, LedgerTasks
from enrolment.adapters.assessments import LedgerAssessments
from enrolment.adapters.consents import LedgerConsents
from enrolment.adapters.leases import LedgerInvitations, LedgerLeases
from enrolment.adapters.people import LedgerPeople
from enrolment.adapters.register import LedgerRegister
from enrolment.adapters.rights import LedgerRights
from gateway.settings import LodgeSettings
from ledger.attempts import Attempts
from ledger.book import Book
from ledger.clock import SystemClock
from ledger.file import LedgerFile
from ledger.keys import KeyClass, MasterKey
from ledger.migrating import bring_up_to_date

MIGRATIONS = Path(__file__).parents[1] / "migrations"
METADATA: tuple[MetaData, ...] = (
    ledger.rows.metadata,
    porch.rows.metadata,
    devices.adapters.rows.metadata,
    enrolment.adapters.rows.metadata,
    cloud_sync.adapters.rows.metadata,
)
WRITER = "box"


@dataclass(slots=True)
class Stores:
    """Everything that lies on the box's ledger."""

    book: Book
    master: MasterKey
    clock: SystemClock
    houses: LedgerHouses = field(init=False)
    keys: LedgerKeyRing = field(init=False)
    journal: LedgerJournal = field(init=False)
    locks: LedgerLocks = field(init=False)
    announcements: LedgerAnnouncements = field(init=False)
    reader_keys: LedgerReaderKeys = field(init=False)
    tasks: LedgerTasks = field(init=False)
    approvals: LedgerApprovals = field(init=False)
    people: LedgerPeople = field(init=False)
    leases: LedgerLeases = field(init=False)
    invitations: LedgerInvitations = field(init=False)
    consents: LedgerConsents = field(init=False)
    assessments: LedgerAssessments = field(default_factory=LedgerAssessments)
    register: LedgerRegister = field(init=False)
    rights: LedgerRights = field(init=False)
    deliveries: LedgerDeliveries = field(init=False)
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        book, master = self.book, self.master
        self.houses = LedgerHouses(book)
        self.keys = LedgerKeyRing(book, master)
        self.journal = LedgerJournal(book, master.derive(KeyClass.AUDIT))
        self.locks = LedgerLocks(book)
        self.announcements = LedgerAnnouncements(book)
        self.reader_keys = LedgerReaderKeys(book, master)
        self.tasks = LedgerTasks(book)
        self.approvals = LedgerApprovals(book)
        self.people = LedgerPeople(book, master)
        self.leases = LedgerLeases(book, self.people, master)
        self.invitations = LedgerInvitations(book)
        self.consents = LedgerConsents(book, self.people)
        self.register = LedgerRegister(book, self.people)
        self.rights = LedgerRights(book, self.people)
        self.deliveries = LedgerDeliveries(book)
        self.attempts = Attempts(book, self.clock, master.derive(KeyClass.AUDIT))


def file_of(settings: LodgeSettings, master: MasterKey | None = None) -> LedgerFile:
    """Say where the box's ledger lies and what opens it."""
    key = (master or settings.master()).derive(KeyClass.DATABASE)
    return LedgerFile(settings.at(settings.database), key, WRITER)


def open_stores(settings: LodgeSettings) -> Stores:
    """Open the ledger, brought up to date, with a clock that it has seen."""
    master = settings.master()
    file = file_of(settings, master)
    bring_up_to_date(file, MIGRATIONS)
    clock = SystemClock()
    stores = Stores(Book(file, clock), master, clock)
    last = stores.book.look(
        lambda c: c.execute(select(func.max(ledger.rows.audit.c.at))).scalar()
    )
    if last is not None:
        clock.witness(clock.now().fromisoformat(last))
    return stores
