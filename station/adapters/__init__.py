"""What the station needs from outside, fulfilled on its ledger."""
