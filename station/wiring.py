"""Puts the station together: the only module that names its adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import MetaData, text

import ledger.rows
import porch.rows
from cloud_sync.signed import key_name
from ledger.attempts import Attempts
from ledger.book import Book
from ledger.clock import SystemClock
from ledger.file import LedgerFile
from ledger.keys import KeyClass, MasterKey, make_secret, read_secret
from ledger.migrating import bring_up_to_date
from porch.accounts import Accounts, Role
from porch.app import application, server
from porch.authority import authority, keep_renewed, make_authority
from porch.certificates import read_certificate
from porch.control import Named, control, control_server, keep_account
from porch.doors import Doors
from porch.guard import route, router_of
from porch.laying import all_or_nothing, reachable
from porch.pages import HERE as PORCH
from porch.pages import Pages
from porch.passkey_doors import PasskeyDoors
from porch.passkeys import Passkeys
from porch.sessions import Sessions
from porch.settings import ProgramSettings, Web
from porch.supervise import supervise
from porch.words import Words
from station.adapters import rows
from station.adapters.schema import SchemaFits
from station.adapters.store import (
    LedgerBoxes,
    LedgerOccupancy,
    LedgerReports,
    LedgerSightings,
)
from station.service import Admitting, Counter, Intake, StationKeys
from station.web.api import BoxApi
from station.web.board import Announcements, Board
from station.web.counter import CounterPages
from station.web.failures import FAILURES

HERE = Path(__file__).parent
MIGRATIONS = HERE / "migrations"
METADATA: tuple[MetaData, ...] = (
    ledger.rows.metadata,
    porch.rows.metadata,
    rows.metadata,
)
CONFIG = """# Lodge station; every other setting has its default (docs/operations.md).
database = "station.db"

[web]
host = "{host}"
port = {port}
{certificate}"""


class StationSettings(ProgramSettings):
    """What a station is told.

    `proxy_certificate` is that of whoever ends TLS in front of it; boxes are told its
    key.
    """

    database: Path = Path("station.db")
    socket: Path = Path("run/station.sock")
    signing_key: Path = Path("keys/signing.key")
    sealing_key: Path = Path("keys/sealing.key")
    proxy_certificate: Path | None = None
    web: Web = Field(default_factory=lambda: Web(port=8444))


@dataclass(slots=True)
class Station:
    """A station, put together."""

    settings: StationSettings
    book: Book
    accounts: Accounts
    admitting: Admitting
    counter: Counter
    app: FastAPI
    master: MasterKey

    @classmethod
    def open(cls, settings: StationSettings) -> "Station":
        """Open the ledger and put everything on it."""
        clock = SystemClock()
        master = settings.master()
        file = file_of(settings, master)
        bring_up_to_date(file, MIGRATIONS)
        book = Book(file, clock)
        signing = read_secret(settings.at(settings.signing_key))
        sealing = read_secret(settings.at(settings.sealing_key))
        keys = StationKeys(
            Ed25519PrivateKey.from_private_bytes(signing),
            X25519PrivateKey.from_private_bytes(sealing),
            master.derive(KeyClass.AUDIT),
        )
        attempts = Attempts(book, clock, keys.salt)
        accounts = Accounts(book, clock, attempts, keys.salt)
        sessions = Sessions(book, clock, keys.salt, "lodge_station")
        passkeys = Passkeys(accounts, settings.web.address)
        pages = Pages(HERE / "web" / "pages", words(), passkeys.offered)
        doors = Doors(accounts, sessions, pages, {Role.OFFICER: "/"}, passkeys)
        boxes, occupancy = LedgerBoxes(book), LedgerOccupancy(book)
        announcements = Announcements()
        admitting = Admitting(book, keys, boxes, clock)
        intake = Intake(
            book,
            keys,
            boxes,
            LedgerReports(book),
            occupancy,
            SchemaFits(),
            announcements.announce,
            clock,
        )
        counter = Counter(book, keys, boxes, LedgerSightings(), clock)
        app = application(pages, sessions, "Lodge station", FAILURES, settings.web)
        for room in (
            doors,
            PasskeyDoors(doors, passkeys, pages),
            Board(pages, occupancy, admitting, announcements, sessions),
            BoxApi(intake, admitting, attempts, partial(_served, settings)),
            CounterPages(
                pages, Counter(book, keys, boxes, LedgerSightings(), clock), attempts
            ),
            Health(book),
        ):
            app.include_router(router_of(room))
        return cls(settings, book, accounts, admitting, counter, app, master)

    async def run(self) -> None:
        """Serve until told to end."""
        settings = self.settings
        pages = server(self.app, settings.web)
        pages.listen()
        path = settings.at(settings.socket)
        words_in = control_server(_control(self), path, settings.control_group)
        try:
            await supervise(
                {
                    "web": pages.serve,
                    "certificate": pages.renew,
                    "authority": partial(
                        keep_renewed,
                        settings.web.certificate,
                        self.admitting.clock,
                        authority(self.master).unseal,
                    ),
                    "control": words_in.serve,
                    "counter": self.counter.run,
                },
                lambda: True,
            )
        finally:
            self.book.close()


@dataclass(frozen=True, slots=True)
class Health:
    """Says whether the program can do its work."""

    book: Book

    @route("GET", "/healthz", listed=True)
    async def healthz(self) -> Mapping[str, Any]:
        """Answer 200 when the ledger can be read."""
        await self.book.read(lambda c: c.execute(text("SELECT 1")).scalar())
        return {"ok": True}


class Admit(BaseModel):
    """What `lodge station admit` says."""

    label: str = Field(default="", max_length=60)


def _control(station: Station) -> FastAPI:
    app = control("Lodge station control", station.book, station.accounts.salt)

    @app.post("/admit")
    async def admit(told: Admit) -> dict[str, str]:
        admission = await station.admitting.admit(told.label)
        return {
            "code": admission.code,
            "expires": admission.expires.isoformat(),
            "fingerprint": station.admitting.keys.fingerprint,
        }

    @app.post("/officer")
    async def officer(told: Named) -> dict[str, Any]:
        return await keep_account(station.accounts, Role.OFFICER, told)

    return app


def _served(settings: StationSettings) -> tuple[str, ...]:
    """Name the TLS keys by which boxes meet the station, as its files are now."""
    proxy = settings.proxy_certificate
    path = settings.at(proxy) if proxy else settings.web.certificate
    return () if path is None else (key_name(read_certificate(path)),)


def words() -> Words:
    """Read the words of the station's pages."""
    return Words.load(PORCH / "locale", HERE / "web" / "locale")


def file_of(settings: StationSettings, master: MasterKey) -> LedgerFile:
    """Say where the station's ledger lies and what opens it."""
    key = master.derive(KeyClass.DATABASE)
    return LedgerFile(settings.at(settings.database), key, "station")


async def found(
    folder: Path, place: tuple[str, int], officer: str, *, plain: bool
) -> dict[str, str]:
    """Make a station with its ledger and an officer's account; say what was made.

    Where something goes wrong, nothing is made.
    """
    host, port = reachable(place[0]), place[1]
    with all_or_nothing(folder):
        settings = init(folder, host, port, plain=plain)
        station = Station.open(settings)
        code = await station.accounts.add(officer, Role.OFFICER)
        station.book.close()
    return {
        "config": str(folder / "station.toml"),
        "fingerprint": station.admitting.keys.fingerprint,
        "officer": officer,
        "code": code,
        "address": settings.web.address,
    }


def init(folder: Path, host: str, port: int, *, plain: bool) -> StationSettings:
    """Make a station's config, keys, certificate and ledger; never overwrite."""
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    master = MasterKey(make_secret(keys / "master.key"))
    make_secret(keys / "signing.key")
    make_secret(keys / "sealing.key")
    make_authority(keys, host, SystemClock().now(), authority(master).seal)
    certificate = "" if plain else CERTIFICATE
    told = CONFIG.format(host=host, port=port, certificate=certificate)
    (folder / "station.toml").write_text(told, encoding="utf-8")
    settings = StationSettings.load(folder / "station.toml")
    bring_up_to_date(file_of(settings, master), MIGRATIONS)
    return settings


CERTIFICATE = """certificate = "keys/server.pem"
private_key = "keys/server.key"
"""
