"""What goes to the log: events, kinds of error and places in the code, no texts."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog

FRAMES = 3


def begin_logging(level: int = logging.INFO) -> None:
    """Send every logger's records to stderr, a JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
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
            keep_exc_info=True,
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _without_texts(_logger: Any, _name: str, event: Any) -> Any:
    """Replace an exception by its kinds and places: its text may name a person."""
    record = event.get("_record")
    error = record.exc_info if record is not None else event.pop("exc_info", None)
    event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        event["error"] = error[0].__name__
        event["at"] = _places(error[2])
    return event


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
