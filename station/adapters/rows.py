"""The tables of the station."""

from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, String, Table

from ledger.rows import Instant

metadata = MetaData()

admission = Table(
    "admission",
    metadata,
    Column("code", String, primary_key=True),
    Column("label", String, nullable=False),
    Column("expires", Instant, nullable=False),
)

box = Table(
    "box",
    metadata,
    Column("id", String, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("label", String, nullable=False),
    Column("admitted_at", Instant, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False, server_default="0"),
)

# Which box reports a house; one that another had first is held for an officer.
address = Table(
    "address",
    metadata,
    Column("area", String, primary_key=True),
    Column("addr", String, primary_key=True),
    Column("box", String, primary_key=True),
    Column("held", Boolean, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("expires", Instant, nullable=False),
    Column("used_by", String, nullable=False),
)

report = Table(
    "report",
    metadata,
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
)

latest = Table(
    "latest",
    metadata,
    Column("box", String, primary_key=True),
    Column("registration", String, primary_key=True),
    Column("version", Integer, nullable=False),
)

occupant = Table(
    "occupant",
    metadata,
    Column("box", String, primary_key=True),
    Column("registration", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("house", String, nullable=False, index=True),
    Column("area", String, nullable=False),
    Column("addr", String, nullable=False),
    Column("room", String, nullable=False),
    Column("name", String, nullable=False),
    Column("doc_type", String, nullable=False),
    Column("doc_no", String, nullable=False),
    Column("since", Instant, nullable=False),
    Column("planned_out", Instant, nullable=False),
    Column("landlord", String, nullable=False),
    Column("landlord_phone", String, nullable=False),
    Column("evidence", String, nullable=False),
)
