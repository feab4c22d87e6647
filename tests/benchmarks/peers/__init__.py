"""The alternatives on the same work: `python -m tests.benchmarks.peers`."""
