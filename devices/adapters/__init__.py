"""What devices needs from outside, fulfilled on the ledger."""
