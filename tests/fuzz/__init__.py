"""Hostile bytes for the decoder: `python -m tests.fuzz`."""
