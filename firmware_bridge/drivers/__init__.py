"""Ports of devices and enrolment fulfilled with a wire format over a link."""
