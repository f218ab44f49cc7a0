"""As whom somebody asks to be registered, and what assessments stood."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go forward."""
    op.add_column("rights_request", sa.Column("proposed", sa.LargeBinary()))
    op.create_table(
        "assessment",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("first", Instant(), nullable=False),
        sa.Column("last", Instant(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
