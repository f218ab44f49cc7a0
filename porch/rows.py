"""The tables of accounts and sessions."""

from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, String, Table

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
    Column("disabled", Boolean, nullable=False, default=False, server_default="0"),
    Column("totp", LargeBinary),
    Column("totp_step", Integer, nullable=False, default=0, server_default="0"),
)

paper_code = Table(
    "paper_code",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", String, nullable=False),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False, index=True),
    Column("key", LargeBinary, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("agent", String, nullable=False),
    Column("added", Instant, nullable=False),
    Column("used", Instant),
)

# A browser in which somebody signed in once: others' wrong tries do not slow it.
device = Table(
    "device",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", String, nullable=False),
    Column("expires", Instant, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("role", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("begun", Instant),
    Column("borrowed", Boolean, nullable=False, default=False, server_default="0"),
    Column("limited", Boolean, nullable=False, default=False, server_default="0"),
    Column("agent", String, nullable=False, default="", server_default=""),
)
