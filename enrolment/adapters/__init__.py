"""What enrolment needs from outside: its books on the ledger, the face worker."""
