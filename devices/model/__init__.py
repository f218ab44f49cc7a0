"""What devices speaks of: places, locks, keys, and what somebody has to do."""
