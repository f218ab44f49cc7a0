"""Speaks to hardware: wire formats, links, drivers."""
