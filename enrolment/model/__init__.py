"""The things that enrolment speaks of."""
