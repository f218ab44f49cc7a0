"""The tables of the durable book itself."""

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept in a file that knows no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        del dialect
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        del dialect
        return value and value.replace(tzinfo=UTC)


writer = Table(
    "writer",
    metadata,
    Column("name", String, primary_key=True),
    Column("epoch", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("head", String, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("writer", String, primary_key=True),
    Column("epoch", String, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("commitment", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("last", Instant, nullable=False),
    Column("shut_until", Instant, nullable=False),
)

tenant_key = Table(
    "tenant_key",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
