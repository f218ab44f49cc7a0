"""Identifiers that every package shares: ULIDs, never bare strings."""

from typing import NewType

from ulid import ULID

TenantId = NewType("TenantId", str)


def new_id() -> str:
    """Return a fresh ULID: 26 characters, sortable by the time it was made."""
    return str(ULID())
