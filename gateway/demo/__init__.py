"""The whole story on loopback, on real programs with simulated hardware."""
