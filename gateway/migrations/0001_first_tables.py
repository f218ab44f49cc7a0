"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "audit",
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("writer", "epoch", "sequence"),
    )
    op.create_table(
        "tenant_key",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "writer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("code_expires", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "door_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "house",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("landlord_name", sa.String(), nullable=False),
        sa.Column("landlord_phone", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("std_addr_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("house", schema=None) as batch_op:
        batch_op.create_index("ix_house_account", ["account"], unique=False)

    op.create_table(
        "lock",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("bolt", sa.String(), nullable=False),
        sa.Column("battery", sa.Integer(), nullable=True),
        sa.Column("reachable", sa.Integer(), nullable=True),
        sa.Column("seen_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("opened", sa.DateTime(), nullable=False),
        sa.Column("term", sa.Interval(), nullable=False),
        sa.Column("closed", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index("ix_task_about", ["about"], unique=False)
        batch_op.create_index("ix_task_owner", ["owner"], unique=False)

    op.create_table(
        "door",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("house", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("keypad", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["house"], ["house.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lock"),
    )
    op.create_table(
        "room",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("house", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["house"], ["house.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("house", "name"),
    )
    op.create_table(
        "ekey",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("starts", sa.DateTime(), nullable=False),
        sa.Column("ends", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["door"], ["door.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ekey", schema=None) as batch_op:
        batch_op.create_index("ix_ekey_holder", ["holder"], unique=False)

    op.create_table(
        "credential",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["key"], ["ekey.id"]),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(
            "one_holder_a_slot",
            ["lock", "slot"],
            unique=True,
            sqlite_where=sa.text("state != 'cleared'"),
        )

    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index("ix_consent_tenant", ["tenant"], unique=False)

    op.create_table(
        "lease",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("house", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("registration", sa.String(), nullable=False),
        sa.Column("starts", sa.DateTime(), nullable=False),
        sa.Column("ends", sa.DateTime(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("face", sa.String(), nullable=True),
        sa.Column("left_at", sa.DateTime(), nullable=True),
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant"),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index("ix_lease_house", ["house"], unique=False)

    op.create_table(
        "notice",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("shown_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "text"),
    )
    op.create_table(
        "registration",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("house", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("move_in", sa.DateTime(), nullable=False),
        sa.Column("planned_out", sa.DateTime(), nullable=False),
        sa.Column("moved_out", sa.DateTime(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id", "version"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("registration", schema=None) as batch_op:
        batch_op.create_index("ix_registration_tenant", ["tenant"], unique=False)

    op.create_table(
        "template",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "invitation",
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("bound", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["lease"], ["lease.id"]),
        sa.PrimaryKeyConstraint("lease"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "delivery",
        sa.Column("registration", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("registration", "version", "profile"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_sequence", ["sequence"], unique=False)
        batch_op.create_index("ix_delivery_state", ["state"], unique=False)
        batch_op.create_index("ix_delivery_tenant", ["tenant"], unique=False)
