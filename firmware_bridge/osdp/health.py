"""What is wrong with a reader on its line, told from what came over the wire."""

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How a reader is; each but `good` has its mend in docs/wiring.md."""

    GOOD = "good"
    PORT_MISSING = "port_missing"
    PORT_FORBIDDEN = "port_forbidden"
    PORT_TAKEN = "port_taken"
    SILENT = "silent"
    GARBAGE = "garbage"
    OTHER_ADDRESS = "other_address"
    UNSECURED = "unsecured"
    WRONG_KEY = "wrong_key"
    DEFAULT_KEY = "default_key"


# Bytes that belong to no frame; a good line has a few when a plug is moved.
NOISE_MAX = 24


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of one reader lately.

    `refused` is proof that it does not hold its key; `unsecured` its own word that it
    has no secure channel.
    """

    secure: bool = False
    refused: bool = False
    unsecured: bool = False
    default_key: bool = False
    noise: int = 0
    others: tuple[int, ...] = ()


def diagnose(facts: Facts) -> Health:
    """Say what is wrong with a reader whose port is open."""
    if facts.secure:
        return Health.GOOD
    if facts.refused:
        return Health.DEFAULT_KEY if facts.default_key else Health.WRONG_KEY
    if facts.unsecured:
        return Health.UNSECURED
    if facts.others:
        return Health.OTHER_ADDRESS
    return Health.GARBAGE if facts.noise > NOISE_MAX else Health.SILENT
