"""Codes by which people who moved out come back to ask, and whom a request is of."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "farewell",
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("lease"),
    )
    op.create_index("ix_farewell_code", "farewell", ["code"])
    op.create_index("ix_rights_request_lease", "rights_request", ["lease"])
