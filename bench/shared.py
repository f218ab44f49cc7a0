"""The labelled pictures beside the checkout, on which some figures stand."""

import os
import sys
from pathlib import Path

FACES = Path(os.environ.get("LODGE_SHARED", "../shared")) / "faces" / "dev"


def there(room: str) -> bool:
    """Say whether the pictures are there; where not, say that a room is left out."""
    found = FACES.is_dir()
    if not found:
        sys.stderr.write(f"{room}: left out, no pictures at {FACES} (LODGE_SHARED)\n")
    return found
