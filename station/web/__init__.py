"""The pages and programs that the station serves."""
