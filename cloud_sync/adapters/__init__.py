"""What cloud_sync needs from outside: its notes on the ledger, the station's line."""
