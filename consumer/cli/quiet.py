"""Keeping the parts of the service from logging what a command says in its own words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block the parts log nothing: they would speak as they do in the service, of waiting."""
    ours = logging.getLogger("consumer")
    before = ours.level
    ours.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ours.setLevel(before)
