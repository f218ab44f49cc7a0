"""What a program is laid down with: an address that can be one, and all or nothing."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from porch.errors import ConfigUnusable

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"{LABEL}(\.{LABEL})*\.?", re.IGNORECASE)


def reachable(host: str) -> str:
    """Return an address or name that people can reach; raise ConfigUnusable."""
    told = host.strip().removeprefix("[").removesuffix("]")
    try:
        address = ip_address(told)
    except ValueError:
        # RFC 1123: a name whose last part is a number is an address gone wrong.
        last = told.rstrip(".").rpartition(".")[2]
        if NAME.fullmatch(told) is None or last.isdecimal():
            raise ConfigUnusable(
                f"--host: {told!r} is no address and no name: write it as "
                "192.168.1.20 or box.example.org, without https:// and port"
            ) from None
        return told.rstrip(".").lower()
    if address.is_unspecified:
        raise ConfigUnusable(
            f"--host: {told} stands for every address, and no certificate can: write "
            "the one by which phones reach this machine, as 192.168.1.20"
        )
    return str(address)


@contextmanager
def all_or_nothing(folder: Path) -> Iterator[None]:
    """Take away what was made in a folder where something went wrong meanwhile."""
    there = folder.exists()
    before = set(folder.iterdir()) if there else set()
    try:
        yield
    except BaseException:
        for made in set(folder.iterdir()) - before if folder.exists() else ():
            if made.is_dir():
                shutil.rmtree(made)
            else:
                made.unlink()
        if not there and folder.exists():
            folder.rmdir()
        raise
