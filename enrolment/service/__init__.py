"""The use cases of people: letting, coming in, enrolling, moving out."""
