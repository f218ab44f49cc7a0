"""A door at which residents may add a look at their face after their PIN."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go forward."""
    op.add_column(
        "door",
        sa.Column(
            "second_look", sa.Boolean(), nullable=False, server_default=sa.false()
        ),
    )
