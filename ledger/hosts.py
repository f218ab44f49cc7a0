"""Where an address leads: to this machine alone, or beyond it."""

from ipaddress import ip_address


def on_machine(host: str) -> bool:
    """Say whether an address is this machine's own, and no other reaches it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False  # a name of the network's
