"""Wire formats that travel over MQTT: bytes in and values out, no I/O."""
