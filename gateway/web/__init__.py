"""The box's pages, by audience."""
