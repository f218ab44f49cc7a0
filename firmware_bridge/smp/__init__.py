"""Firmware for lock controllers: MCUboot's images, read and verified."""
