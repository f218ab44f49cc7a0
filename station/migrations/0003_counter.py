"""Whom an officer has seen at the counter, as a digest, for an hour."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "seen",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.Column("used_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
