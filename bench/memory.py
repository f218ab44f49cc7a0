"""What a process has in memory."""

from pathlib import Path


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Return what a process holds now, or `VmHWM` what it ever held."""
    return told(Path(f"/proc/{pid}/status").read_text(encoding="ascii"), what)


def told(status: str, what: str = "VmRSS") -> float:
    """Return the megabytes that a status of /proc says."""
    return int(status.split(f"{what}:")[1].split(maxsplit=1)[0]) / 1024
