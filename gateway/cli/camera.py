"""The verb of the camera's child process."""

import sys

import typer


def serve() -> None:
    """Read a camera's address from standard input; print the QR texts that it sees."""
    from firmware_bridge.links.camera import look  # noqa: PLC0415 - loads OpenCV

    source = sys.stdin.readline().strip()
    for text in look(source):
        if "\n" not in text:
            typer.echo(text)
