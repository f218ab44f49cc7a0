"""The tables of cloud_sync."""

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from ledger.rows import Instant

metadata = MetaData()

delivery = Table(
    "delivery",
    metadata,
    Column("registration", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("profile", String, primary_key=True),
    Column("sequence", Integer, nullable=False, index=True),
    Column("tenant", String, nullable=False, index=True),
    Column("noted_at", Instant, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("due", Instant),
    Column("reason", String, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
)
