"""Whether faces may be looked at on this box, asked anew each time."""

from collections.abc import Callable
from dataclasses import dataclass

from enrolment.model.assessment import Assessment, Feature, Off
from enrolment.model.errors import FaceOff
from enrolment.ports import Assessments, FaceEngine
from enrolment.rules.assessment import off
from enrolment.rules.days import day_here
from ledger.book import Page
from ledger.clock import Clock


@dataclass(frozen=True, slots=True)
class FaceSwitch:
    """On only while an assessment stands and something judges whether faces live.

    `read` returns the assessment as it is written down now.
    """

    read: Callable[[], Assessment | None]
    faces: FaceEngine
    assessments: Assessments
    clock: Clock

    def off(self, feature: Feature = Feature.FACE_SCAN) -> Off | None:
        """Say why it is off; None where it is on."""
        why = off(self.read(), feature, day_here(self.clock.now()))
        if why is not None:
            return why
        return None if self.faces.liveness else Off.NO_LIVENESS

    def need(self, feature: Feature = Feature.FACE_SCAN) -> None:
        """Raise FaceOff with the reason where it is off."""
        if (why := self.off(feature)) is not None:
            raise FaceOff(why.value)

    def agreed(self, page: Page, salt: bytes) -> None:
        """Keep under which assessment somebody agrees (rule F7): its text and hash."""
        told = self.read()
        if told is None:
            raise FaceOff(Off.NO_ASSESSMENT.value)
        self.assessments.keep(page, told, self.clock.now())
        page.note("assessment", told.hash.encode(), salt)
