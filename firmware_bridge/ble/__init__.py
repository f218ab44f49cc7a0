"""What a phone and a door say over Bluetooth LE: bytes and values, no I/O."""
