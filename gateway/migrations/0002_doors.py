"""Keys for several doors, of every kind; rooms' own doors; what residents approve."""

import sqlalchemy as sa
from alembic import op

from ledger.rows import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go forward."""
    op.execute("ALTER TABLE house ADD COLUMN sharing VARCHAR NOT NULL DEFAULT 'off'")
    op.execute("ALTER TABLE door ADD COLUMN room VARCHAR REFERENCES room (id)")
    op.execute(
        "ALTER TABLE lock ADD COLUMN read_back VARCHAR NOT NULL DEFAULT 'status'"
    )
    op.execute("ALTER TABLE lease ADD COLUMN tenancy VARCHAR NOT NULL DEFAULT ''")
    op.execute("UPDATE lease SET tenancy = id")
    op.execute("ALTER TABLE task ADD COLUMN incident VARCHAR")
    op.execute("ALTER TABLE task ADD COLUMN gone DATETIME")
    op.execute("ALTER TABLE task ADD COLUMN accepted DATETIME")
    op.execute("ALTER TABLE task ADD COLUMN note VARCHAR NOT NULL DEFAULT ''")
    op.create_index("ix_door_event_door", "door_event", ["door"])
    op.create_index("ix_door_event_key", "door_event", ["key"])
    _keys()
    _credentials()
    op.create_table(
        "revoked_token",
        sa.Column("id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "bound_token",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["ekey.id"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "spent_nonce",
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_table(
        "sensor",
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["door"], ["door.id"]),
        sa.PrimaryKeyConstraint("sensor"),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("resident", sa.String(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("expires", Instant(), nullable=False),
        sa.Column("answer", sa.String()),
        sa.Column("answered_at", Instant()),
        sa.Column("authority", sa.String()),
        sa.Column("number", sa.String()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approval_about", "approval", ["about"])
    op.create_index("ix_approval_resident", "approval", ["resident"])


def _keys() -> None:
    op.create_table(
        "ekey_door",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["ekey.id"]),
        sa.ForeignKeyConstraint(["door"], ["door.id"]),
        sa.PrimaryKeyConstraint("key", "door"),
    )
    op.execute("INSERT INTO ekey_door (key, door) SELECT id, door FROM ekey")
    op.create_table(
        "ekey_after",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("starts", Instant(), nullable=False),
        sa.Column("ends", Instant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("hours", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("since", Instant()),
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO ekey_after SELECT k.id, k.holder, k.starts, k.ends, k.state, "
        "'lease', '', h.time_zone, h.account, k.starts, x'' "
        "FROM ekey k JOIN door d ON d.id = k.door JOIN house h ON h.id = d.house"
    )
    op.drop_table("ekey")
    op.rename_table("ekey_after", "ekey")
    op.create_index("ix_ekey_holder", "ekey", ["holder"])
    op.create_index("ix_ekey_issuer", "ekey", ["issuer"])


def _credentials() -> None:
    op.create_table(
        "credential_after",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", Instant()),
        sa.ForeignKeyConstraint(["key"], ["ekey.id"]),
        sa.PrimaryKeyConstraint("key", "lock", "kind"),
        sa.UniqueConstraint("digest"),
    )
    op.execute(
        "INSERT INTO credential_after SELECT key, lock, 'pin', slot, digest, sealed, "
        "state, tries, due FROM credential"
    )
    op.drop_table("credential")
    op.rename_table("credential_after", "credential")
    op.create_index(
        "one_holder_a_slot",
        "credential",
        ["lock", "slot"],
        unique=True,
        sqlite_where=sa.text("state != 'cleared' AND slot > 0"),
    )
