"""The tables of accounts and sessions."""

from sqlalchemy import Column, LargeBinary, MetaData, String, Table

from ledger.rows import Instant

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("password", String),
    Column("code", LargeBinary),
    Column("code_expires", Instant),
)

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("role", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("expires", Instant, nullable=False),
)
