"""The use cases of doors: opening, keys at locks, what locks say, new houses."""
