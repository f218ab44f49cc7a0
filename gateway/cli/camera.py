"""The verb of the camera's child process."""

import sys
import threading
import time

import typer


def serve() -> None:
    """Read a camera's address from standard input; print the QR texts that it sees.

    `look SECONDS` on standard input has it print its frames for so long.
    """
    from firmware_bridge.links.camera import look  # noqa: PLC0415 - loads OpenCV

    source = sys.stdin.readline().strip()
    until = 0.0

    def listen() -> None:
        nonlocal until
        for line in sys.stdin:
            match line.split():
                case ["look", lasts] if lasts.replace(".", "", 1).isdecimal():
                    until = time.monotonic() + float(lasts)

    threading.Thread(target=listen, daemon=True).start()
    for line in look(source, lambda: time.monotonic() < until):
        if "\n" not in line:
            typer.echo(line)
