"""Deliveries: what each registry has been told, and what it answered."""
