"""Threads the process does not wait for when it ends."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(ThreadPoolExecutor):
    """An event loop's default executor: each call has a daemon thread of its own, and nobody waits for it at the end.

    The usual one is waited for, twice: by the loop and by the interpreter. A question to a broker that is gone takes ten
    seconds, a file on a dead network drive for ever, and Kubernetes waits for neither. For calls that are rare.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the call at once."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - for whoever waits for the future
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="question", daemon=True).start()
        return future
