"""Wrong tries that outlive a restart, browsers that are known, accounts that rest."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0009"
down_revision = "0008"


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
