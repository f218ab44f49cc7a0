"""How well faces are told apart and living ones known, on labelled pictures."""
