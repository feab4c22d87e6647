"""The service: every part built once, started, run, drained, stopped."""

from consumer.service.lifecycle import Service

__all__ = ["Service"]
