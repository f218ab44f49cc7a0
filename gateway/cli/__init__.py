"""The `lodge` command: nothing but arguments in and answers out."""

from gateway.cli.root import main

__all__ = ["main"]
