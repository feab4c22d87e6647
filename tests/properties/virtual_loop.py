"""An event loop whose time passes only when nothing else can happen, and whose threads are done at once."""

import asyncio
import selectors
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeps and time-outs take no time; a wait for what never comes is an error, not a hang."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(_Skipping(self._skip))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.seconds

    def run_in_executor(
        self, executor: object, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """Run it here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's, as from a thread
            future.set_exception(error)
        return future

    def _skip(self, timeout: float | None) -> None:
        assert timeout is not None, "everything waits, and nothing is due"
        self.seconds += timeout


class _Skipping(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float | None], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, time has passed."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready:
            self._skip(timeout)
        return ready
