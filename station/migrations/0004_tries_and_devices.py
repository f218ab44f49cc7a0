"""Tries that outlive a restart, known browsers, accounts and boxes that rest."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "attempt",
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("last", Instant(), nullable=False),
        sa.Column("shut_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "device",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    no = sa.text("0")
    for table, name in (("account", "disabled"), ("session", "borrowed")):
        told: sa.Column[bool] = sa.Column(
            name, sa.Boolean(), nullable=False, server_default=no
        )
        op.add_column(table, told)
    op.add_column("session", sa.Column("begun", Instant()))
    agent = sa.Column("agent", sa.String(), nullable=False, server_default="")
    op.add_column("session", agent)
    revoked: sa.Column[bool] = sa.Column(
        "revoked", sa.Boolean(), nullable=False, server_default=no
    )
    op.add_column("box", revoked)
    op.create_table(
        "address",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("addr", sa.String(), nullable=False),
        sa.Column("box", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("area", "addr", "box"),
    )
    op.execute(
        "INSERT INTO address (area, addr, box, held) "
        "SELECT DISTINCT area, addr, box, 0 FROM occupant"
    )
