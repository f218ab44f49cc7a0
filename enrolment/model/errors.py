"""What goes wrong on a person's way through enrolment, with what to do next."""

from enrolment.model.documents import CardStep


class EnrolmentError(Exception):
    """Anything that goes wrong on a person's way through enrolment."""


class RoomTaken(EnrolmentError):
    """The room is let to somebody else for part of that time."""


class WindowWrong(EnrolmentError):
    """A lease must end after it starts."""


class LinkDead(EnrolmentError):
    """The link has expired, was replaced, or was never made."""


class CodeWrong(EnrolmentError):
    """The spoken code does not fit the link."""


class OutOfTurn(EnrolmentError):
    """This step needs another one first."""


class ConsentMissing(EnrolmentError):
    """No face is looked at without the person's own consent."""


class NotTheOriginal(EnrolmentError):
    """What the landlord reads on the document is not what the tenant entered."""


class DocumentExpired(EnrolmentError):
    """The picture of a document says that it is valid no longer."""


class FaceEngineDown(EnrolmentError):
    """The face worker did not answer; the person path works without it."""


class OutsideSilent(EnrolmentError):
    """Nobody outside answered; the landlord's look works without it."""


class FaceOff(EnrolmentError):
    """Faces are not looked at on this box; a person looks at the document."""


class WaitLonger(EnrolmentError):
    """Too many tries; wait as long as told, or let a person look."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} seconds before the next try")
        self.seconds = seconds


class StationSilent(EnrolmentError):
    """The station did not say whether an officer saw somebody; his link stands."""


class NothingToAsk(EnrolmentError):
    """Every movement was declined, and nobody looks instead: all stays as it was."""


class TriesSpent(EnrolmentError):
    """The scan did not work too often; a person looks at the document instead."""


class CardFailed(EnrolmentError):
    """A card was not read; the number can be typed instead."""

    def __init__(self, step: CardStep) -> None:
        super().__init__(step.value)
        self.step = step


class ReaderBusy(EnrolmentError):
    """Somebody else's card is being read."""


class PaperUnseen(EnrolmentError):
    """No officer gave this code for this paper; take its original to the counter."""
