"""Lines and connections: bytes, nothing else."""
