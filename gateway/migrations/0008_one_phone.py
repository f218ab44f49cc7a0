"""By which page a link was bound, and until when the key on a phone opens."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Go forward."""
    nobody = sa.text("x''")
    phone = sa.Column("phone", sa.LargeBinary(), nullable=False, server_default=nobody)
    op.add_column("invitation", phone)
    op.add_column("bound_token", sa.Column("until", Instant()))
    op.execute(
        "UPDATE bound_token SET until = "
        "(SELECT ends FROM ekey WHERE ekey.id = bound_token.key)"
    )
