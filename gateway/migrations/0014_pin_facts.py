"""What locks take: reserved slots, PIN lengths, and what a person said of it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Go forward."""
    numbers = (("first_slot", "1"), ("digits_least", "6"), ("digits_most", "6"))
    for name, usual in numbers:
        column = sa.Column(name, sa.Integer(), nullable=False, server_default=usual)
        op.add_column("lock", column)
    op.add_column(
        "lock",
        sa.Column("digits_sure", sa.Boolean(), nullable=False, server_default="0"),
    )
    op.create_table(
        "told_lock",
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("first_slot", sa.Integer(), nullable=False),
        sa.Column("digits_least", sa.Integer(), nullable=False),
        sa.Column("digits_most", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lock"),
    )
