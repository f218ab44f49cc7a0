"""How the identity of each registered person was established."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go forward; what came before was always seen by a person."""
    op.add_column(
        "occupant",
        sa.Column(
            "evidence", sa.String(), nullable=False, server_default="seen_by_person"
        ),
    )
