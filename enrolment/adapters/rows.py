"""The tables of enrolment."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from ledger.rows import Instant

metadata = MetaData()

lease = Table(
    "lease",
    metadata,
    Column("id", String, primary_key=True),
    Column("house", String, nullable=False, index=True),
    Column("room", String, nullable=False),
    Column("tenant", String, nullable=False, unique=True),
    Column("key", String, nullable=False),
    Column("registration", String, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("stage", String, nullable=False),
    Column("path", String, nullable=False),
    Column("face", String),
    Column("live", Boolean, nullable=False),
    Column("fits", Boolean, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("evidence", String, nullable=False),
    Column("left_at", Instant),
    Column("label", LargeBinary, nullable=False),
    Column("person", LargeBinary),
    Column("tenancy", String, nullable=False),
)

invitation = Table(
    "invitation",
    metadata,
    Column("lease", ForeignKey("lease.id"), primary_key=True),
    Column("token", LargeBinary, nullable=False, unique=True),
    Column("code", String, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("bound", Boolean, nullable=False),
    Column("phone", LargeBinary, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("text", String, primary_key=True),
    Column("shown_at", Instant, nullable=False),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("notice", String, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
)

face_try = Table(
    "face_try",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("failed", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
)

assessment = Table(
    "assessment",
    metadata,
    Column("hash", String, primary_key=True),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("text", String, nullable=False),
)

disclosure = Table(
    "disclosure",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant", String, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("to", String, nullable=False),
    Column("fields", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("purpose", String, nullable=False),
)

farewell = Table(
    "farewell",
    metadata,
    Column("lease", String, primary_key=True),
    Column("code", LargeBinary, nullable=False, index=True),
    Column("until", Instant, nullable=False),
)

rights_request = Table(
    "rights_request",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False, index=True),
    Column("lease", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("due", Instant, nullable=False),
    Column("granted", Boolean),
    Column("answer", LargeBinary, nullable=False),
    Column("answered_at", Instant),
    Column("proposed", LargeBinary),
)

template = Table(
    "template",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

registration = Table(
    "registration",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("lease", String, nullable=False),
    Column("tenant", String, nullable=False, index=True),
    Column("house", String, nullable=False),
    Column("room", String, nullable=False),
    Column("person", LargeBinary, nullable=False),
    Column("move_in", Instant, nullable=False),
    Column("planned_out", Instant, nullable=False),
    Column("moved_out", Instant),
    Column("recorded_at", Instant, nullable=False),
    Column("evidence", String, nullable=False),
    UniqueConstraint("id", "version"),
    sqlite_autoincrement=True,
)
