"""By which page a link was bound, so that its answer may be lost."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Go forward."""
    nobody = sa.text("x''")
    phone = sa.Column("phone", sa.LargeBinary(), nullable=False, server_default=nobody)
    op.add_column("invitation", phone)
