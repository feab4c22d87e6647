"""Processes that stand beside the service: each says where it is, then answers one line with one line."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import orjson

Answer = Callable[[str], Awaitable[object]]
"""What a child says to a line; any JSON value."""

_END_SECONDS = 10


async def answer_lines(said: object, answer: Answer) -> None:
    """Say where we are on stdout, then answer line by line, until nobody writes to our stdin any more."""
    _say(said)
    # A thread of its own: what is asked for must not wait for what is served meanwhile.
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await answer(line.strip()))


class Child:
    """`python -m module arguments`, from construction to the end of the block. `said` is its first line.

    It ends when we do, however we end. Every call blocks.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self.said: dict[str, Any] = self._hear()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, *words: str) -> Any:  # noqa: ANN401 - any JSON value
        """Ask, and return the answer. Raises RuntimeError when the process is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        self._process.stdin.flush()
        return self._hear()

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _hear(self) -> Any:  # noqa: ANN401 - any JSON value
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            arguments: Sequence[str] = self._process.args  # type: ignore[assignment]
            message = f"{' '.join(arguments[1:])} is gone"
            raise RuntimeError(message)
        return orjson.loads(line)


def _say(said: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(said) + b"\n")
    sys.stdout.buffer.flush()
