"""OSDP v2 (IEC 60839-11-5): frames as they pass on a line, and what readers say.

The protocol itself is libosdp's; Lodge reads along to say what is wrong with a line.
"""
