"""Readers on serial lines, each with its key; firmware of lock controllers."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "reader_key",
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("installed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("lock"),
    )
    op.create_table(
        "firmware_update",
        sa.Column("controller", sa.String(), nullable=False),
        sa.Column("board", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("image", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.JSON()),
        sa.PrimaryKeyConstraint("controller"),
    )
