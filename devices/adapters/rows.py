"""The tables of devices."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from ledger.rows import Instant

metadata = MetaData()

house = Table(
    "house",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("address", String, nullable=False),
    Column("area", String, nullable=False),
    Column("account", String, nullable=False, index=True),
    Column("landlord_name", String, nullable=False),
    Column("landlord_phone", String, nullable=False),
    Column("time_zone", String, nullable=False),
    Column("std_addr_code", String, nullable=False),
    Column("sharing", String, nullable=False),
)

room = Table(
    "room",
    metadata,
    Column("id", String, primary_key=True),
    Column("house", ForeignKey("house.id"), nullable=False),
    Column("name", String, nullable=False),
    UniqueConstraint("house", "name"),
)

door = Table(
    "door",
    metadata,
    Column("id", String, primary_key=True),
    Column("house", ForeignKey("house.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("lock", String, nullable=False, unique=True),
    Column("keypad", String, nullable=False),
    Column("room", ForeignKey("room.id")),
    Column("second_look", Boolean, nullable=False, default=False),
)

claim = Table(
    "claim",
    metadata,
    Column("device", String, primary_key=True),
    Column("account", String, nullable=False),
)

house_offer = Table(
    "house_offer",
    metadata,
    Column("house", ForeignKey("house.id"), primary_key=True),
    Column("to", String, nullable=False),
    Column("expires", Instant, nullable=False),
)

sensor = Table(
    "sensor",
    metadata,
    Column("sensor", String, primary_key=True),
    Column("door", ForeignKey("door.id"), nullable=False),
)

lock = Table(
    "lock",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("model", String, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("bolt", String, nullable=False),
    Column("battery", Integer),
    Column("reachable", Integer),
    Column("seen_at", Instant),
    Column("read_back", String, nullable=False),
    Column("first_slot", Integer, nullable=False, server_default="1"),
    Column("digits_least", Integer, nullable=False, server_default="6"),
    Column("digits_most", Integer, nullable=False, server_default="6"),
    Column("digits_sure", Boolean, nullable=False, server_default="0"),
)

told_lock = Table(
    "told_lock",
    metadata,
    Column("lock", String, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("first_slot", Integer, nullable=False),
    Column("digits_least", Integer, nullable=False),
    Column("digits_most", Integer, nullable=False),
)

announcement = Table(
    "announcement",
    metadata,
    Column("source", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("lock", String, primary_key=True, index=True),
    Column("name", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("terms", String, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("gone", Boolean, nullable=False),
)

reader_key = Table(
    "reader_key",
    metadata,
    Column("lock", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("installed", Boolean, nullable=False),
)

firmware_update = Table(
    "firmware_update",
    metadata,
    Column("controller", String, primary_key=True),
    Column("board", String, nullable=False),
    Column("step", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("before", String, nullable=False),
    Column("image", JSON, nullable=False),
    Column("confirmed", JSON),
)

ekey = Table(
    "ekey",
    metadata,
    Column("id", String, primary_key=True),
    Column("holder", String, nullable=False, index=True),
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("hours", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("issuer", String, nullable=False, index=True),
    Column("since", Instant),
    Column("label", LargeBinary, nullable=False),
)

ekey_door = Table(
    "ekey_door",
    metadata,
    Column("key", ForeignKey("ekey.id"), primary_key=True),
    Column("door", ForeignKey("door.id"), primary_key=True),
)

credential = Table(
    "credential",
    metadata,
    Column("key", ForeignKey("ekey.id"), primary_key=True),
    Column("lock", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("slot", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Instant),
    Index(
        "one_holder_a_slot",
        "lock",
        "slot",
        unique=True,
        sqlite_where=text("state != 'cleared' AND slot > 0"),
    ),
)

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("id", String, primary_key=True),
)

bound_token = Table(
    "bound_token",
    metadata,
    Column("key", ForeignKey("ekey.id"), primary_key=True),
    Column("id", String, nullable=False),
    Column("until", Instant),
)

spent_nonce = Table(
    "spent_nonce",
    metadata,
    Column("nonce", LargeBinary, primary_key=True),
)

approval = Table(
    "approval",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("about", String, nullable=False, index=True),
    Column("asked_by", String, nullable=False),
    Column("resident", String, nullable=False, index=True),
    Column("asked_at", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("answer", String),
    Column("answered_at", Instant),
    Column("authority", String),
    Column("number", String),
)

door_event = Table(
    "door_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("door", String, nullable=False, index=True),
    Column("key", String, index=True),
    Column("kind", String, nullable=False),
    Column("detail", String, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("owner", String, nullable=False, index=True),
    Column("about", String, nullable=False, index=True),
    Column("opened", Instant, nullable=False),
    Column("term", Interval, nullable=False),
    Column("closed", Instant),
    Column("incident", String),
    Column("gone", Instant),
    Column("accepted", Instant),
    Column("note", String, nullable=False),
)
