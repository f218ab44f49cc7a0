"""Scans, where a document came from, who was told what, and what people ask."""

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
        sa.Column("fits", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "lease",
        sa.Column("claim", sa.Integer(), nullable=False, server_default="0"),
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
    op.create_table(
        "disclosure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_disclosure_tenant", "disclosure", ["tenant"])
    op.create_table(
        "rights_request",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("due", Instant(), nullable=False),
        sa.Column("granted", sa.Boolean()),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", Instant()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rights_request_tenant", "rights_request", ["tenant"])
