"""Reports checked against their published schema."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from cloud_sync.wire import report_schema
from station.model import ReportUnfit

ERRORS_MAX = 20
formats = FormatChecker(formats=())


def is_instant(value: object) -> bool:
    """Say whether text is an RFC 3339 instant with its offset."""
    if not isinstance(value, str):
        return True
    return datetime.fromisoformat(value).tzinfo is not None


def is_date(value: object) -> bool:
    """Say whether text is a calendar date."""
    return not isinstance(value, str) or bool(date.fromisoformat(value))


formats.checkers["date-time"] = (is_instant, ValueError)
formats.checkers["date"] = (is_date, ValueError)


class SchemaFits:
    """Fulfils Fits with the JSON Schema of version 1."""

    def __init__(self) -> None:
        self._validator = Draft202012Validator(report_schema(), format_checker=formats)

    def __call__(self, report: Mapping[str, Any]) -> None:
        """Raise ReportUnfit naming fields and rules, never the values."""
        found = {
            ".".join(map(str, error.absolute_path)) or "report": str(error.validator)
            for error in self._validator.iter_errors(report)
        }
        errors = [{"field": field, "why": why} for field, why in found.items()]
        if errors:
            raise ReportUnfit(errors[:ERRORS_MAX])
