"""What goes wrong at doors, each said with what to do next."""


class DevicesError(Exception):
    """Anything that goes wrong with doors and what hangs on them."""


class LockSilent(DevicesError):
    """The broker or the lock did not answer in time; try again when it is back."""


class BrokerRefused(DevicesError):
    """The broker said no; its access rules must let Lodge publish there."""


class ControllerSilent(DevicesError):
    """A lock controller does not answer on its line; check its power and its cable."""


class ImageRefused(DevicesError):
    """An image that must not be sent; `why` is an ImageFault's or WaitsFor's value."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoFreeSlot(DevicesError):
    """Every PIN slot of the lock is taken; clear one first."""


class NoCommonLength(DevicesError):
    """The key's doors take PINs of different lengths; give a key for each of them."""


class CardUnfit(DevicesError):
    """This is no card, or it stands for another key already; take another."""


class TokenUnfit(DevicesError):
    """A token or a holder's key that cannot be used; issue it again."""


class UnknownDoor(DevicesError):
    """There is no such door, room, house or key."""


class LockTaken(DevicesError):
    """The lock hangs on another door already."""


class NotYours(DevicesError):
    """Who lives there is master of the door; ask him, or show an official paper."""


class WindowWider(DevicesError):
    """A guest's key lies inside the window of the resident who gives it."""


class NeverOpens(DevicesError):
    """None of the key's days and hours lies between its first and its last moment."""


class NotSo(DevicesError):
    """The key is not in a state in which this can be done."""


class TooManyGuests(DevicesError):
    """A resident's guests hold as many keys as they may; end one first."""
