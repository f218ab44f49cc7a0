"""What goes to the log: events, kinds of error and places in the code, no texts."""

import logging
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import structlog

FRAMES = 3
# Whose words are known to hold nothing of anybody: ours, and the web server's.
PLAIN = {
    *("gateway", "station", "cloud_sync", "firmware_bridge", "enrolment", "devices"),
    *("porch", "ledger", "uvicorn"),
}
# One place in the code says so much in so many seconds: whoever makes it speak more
# often fills no disk.
LINES, EVERY = 10, 60.0


def begin_logging(level: int = logging.INFO) -> None:
    """Send every logger's records to stderr, a JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Sparing())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                _without_texts,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    sys.excepthook = _ended
    threading.excepthook = lambda told: _ended(
        told.exc_type, told.exc_value, told.exc_traceback
    )
    sys.unraisablehook = lambda told: _ended(
        told.exc_type, told.exc_value, told.exc_traceback
    )


@dataclass(slots=True)
class Sparing:
    """Lets one place in the code speak so often, and says how much was left out."""

    said: dict[tuple[str, int], tuple[float, int]] = field(default_factory=dict)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is written."""
        place, now = (record.pathname, record.lineno), time.monotonic()
        since, count = self.said.get(place, (now, 0))
        if now - since >= EVERY:
            if count > LINES:
                record.left_out = count - LINES
            since, count = now, 0
        self.said[place] = (since, count + 1)
        return count < LINES


def _ended(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Say where something ended that nobody caught, in place of Python's own words."""
    if issubclass(kind, KeyboardInterrupt):
        return
    told = (kind, error or kind(), trace)
    logging.getLogger(__name__).critical("ended by an error", exc_info=told)


def _without_texts(_logger: Any, _name: str, event: Any) -> Any:
    """Replace an exception by its kinds and places: its text may name a person.

    So may what a library says: of that only the place remains.
    """
    record = event["_record"]
    if record.name.partition(".")[0] not in PLAIN:
        event["event"] = f"{record.module}.{record.funcName}:{record.lineno}"
    error = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        event["error"] = error[0].__name__
        event["at"] = _places(error[2])
    if left_out := getattr(record, "left_out", 0):
        event["left_out"] = left_out
    event.pop("stack_info", None)
    return event


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
