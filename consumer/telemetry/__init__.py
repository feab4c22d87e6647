"""Metrics, logs, health and the status page: what the program says about itself."""
