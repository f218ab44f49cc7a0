"""Benchmarks: ratios of what the same run measures raw, on the same machine."""
