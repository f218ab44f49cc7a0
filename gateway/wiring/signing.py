"""Firmware images on an installer's desk: signed, verified, described without a box."""

from firmware_bridge.drivers.signing import Label, make_key, public_key, sign
from firmware_bridge.smp.image import describe, read

__all__ = ["Label", "describe", "make_key", "public_key", "read", "sign"]
