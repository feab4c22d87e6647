"""Loggers that tracing silences for the whole process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loggers_as_they_were() -> Iterator[None]:
    """Give OpenTelemetry and urllib3 their levels back when the block ends."""
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
