"""Puts the box together and shows it to people."""
