"""Whether an impact assessment stands for what is done with faces."""

from datetime import date

from enrolment.model.assessment import Assessment, Feature, Off

# What an assessment has to answer (PIPL 56; the face rules of 2025, art. 9), each in a
# sentence at least.
QUESTIONS = ("purpose", "necessity", "effects", "risks", "measures", "alternatives")
SENTENCE = 10
# It is looked at again at the latest after a year.
YEAR = 366


def off(told: Assessment | None, feature: Feature, today: date) -> Off | None:
    """Say why a feature must stay off; None where the assessment stands for it."""
    if told is None:
        return Off.NO_ASSESSMENT
    if any(len(told.answers.get(each, "").strip()) < SENTENCE for each in QUESTIONS):
        return Off.UNFINISHED
    over = today > told.review_by or (today - told.made).days > YEAR
    if over or told.made > today:
        return Off.EXPIRED
    return None if feature.value in told.features else Off.NOT_COVERED
