"""Whose a device is that was found, and to whom a house is offered."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "claim",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "house_offer",
        sa.Column("house", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("house"),
        sa.ForeignKeyConstraint(["house"], ["house.id"]),
    )
