"""When Python looks for objects that only hold each other."""

import gc
from typing import Final

OBJECTS_BEFORE_A_LOOK: Final = 50_000
"""More objects made than freed before the youngest are looked at; Python's own is 700: a look every 35 records."""


def look_for_garbage_seldom() -> None:
    """Have the collector look less often, and never again at what is here now. For the whole process, once.

    What a record leaves behind is freed as its last reference goes; cycles are rare here (errors with their tracebacks), and
    the collector looks in vain at every record that waits: docs/performance.md has what that cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_A_LOOK, 20, 50)
