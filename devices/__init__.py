"""Doors, locks, cameras, e-keys: who may pass, what happened."""
