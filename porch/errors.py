"""What can go wrong before a program runs; imports nothing, so verbs start fast."""


class ConfigUnusable(Exception):
    """The config file is missing or says something that Lodge cannot use."""


class AlreadyRunning(Exception):
    """Another program runs on this ledger or socket."""
