"""Pure decisions over doors, keys, PINs and what somebody has to do."""
