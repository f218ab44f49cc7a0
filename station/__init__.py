"""The receiving side: intake, occupancy, the live board."""
