"""Days are those of the place where documents are issued and people live."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

HERE = ZoneInfo("Asia/Shanghai")


def day_here(now: datetime) -> date:
    """Return the day that it is there."""
    return now.astimezone(HERE).date()
