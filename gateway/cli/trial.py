"""The demo."""


def demo() -> None:
    """Run the whole story on loopback."""
