"""A pass as a QR code shows it: text and values, no I/O."""
