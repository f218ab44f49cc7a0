"""A door at which residents may add a look at their face after their PIN.

Templates of whoever is registered have served: nobody has agreed to that look yet.
"""

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
    op.execute(
        "DELETE FROM template WHERE tenant IN (SELECT tenant FROM lease "
        "WHERE stage NOT IN ('bound', 'noticed', 'identified'))"
    )
