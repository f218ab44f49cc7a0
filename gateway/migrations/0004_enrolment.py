"""Scans that were seen to be live, tries at them, and where a document came from."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go forward."""
    op.add_column(
        "lease",
        sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "lease",
        sa.Column("evidence", sa.String(), nullable=False, server_default="typed"),
    )
    op.create_table(
        "face_try",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
