"""A second factor: an app's secret, the step last used, codes on paper."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Go forward."""
    op.add_column("account", sa.Column("totp", sa.LargeBinary()))
    step: sa.Column[int] = sa.Column(
        "totp_step", sa.Integer(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("account", step)
    limited: sa.Column[bool] = sa.Column(
        "limited", sa.Boolean(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("session", limited)
    op.create_table(
        "paper_code",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
