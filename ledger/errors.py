"""What can go wrong with the durable book."""


class LedgerError(Exception):
    """Any trouble with the durable book; a page that raises one leaves no trace."""


class LedgerLocked(LedgerError):
    """The file does not open with the key given."""


class LedgerUnsafe(LedgerError):
    """The file opened, but not with the durability that Lodge promises."""


class LedgerUnavailable(LedgerError):
    """The disk refused a commit; nothing of the batch was kept."""


class TooManyAttempts(LedgerError):
    """Somebody tried too often; wait a while."""


class Unkeepable(LedgerError):
    """A page holds a value that cannot be kept; its neighbours were."""


class KeyUnusable(LedgerError):
    """The key file is missing, malformed or readable by others."""


class Erased(LedgerError):
    """The tenant's key was destroyed, and what it sealed with it."""


class Conflict(LedgerError):
    """A page met facts that it did not expect and was taken back whole."""
