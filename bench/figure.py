"""One figure of the table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, in which unit, and what it ought to be."""

    what: str
    value: float
    unit: str
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the target was met."""
        if self.at_least:
            return self.value >= self.limit
        return self.value <= self.limit

    def row(self) -> str:
        """Return the figure as a line of the table."""
        sign = "≥" if self.at_least else "≤"
        word = "yes" if self.reached else "**no**"
        return (
            f"| {self.what} | {self.value:.2f} {self.unit} "
            f"| {sign} {self.limit:g} {self.unit} | {word} |"
        )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
